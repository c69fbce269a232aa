"""NEON in the benchmarks: an emulated machine gives this one's bits, or its absence is said."""

import platform
import sys

import numpy as np
import pytest

import logitkit
from benchmarks import accuracy, accuracy_tables, emulated, exp_sweep, inputs
from logitkit.bench.operations import OPERATIONS
from logitkit.bench.providers.logitkit import providers as ways_to_call

ON_ARM = platform.machine() in {"aarch64", "arm64"}


@pytest.fixture(scope="module")
def neon():
    """The emulated machine; an ARM machine measures itself."""
    assert emulated.lacking() == "" or ON_ARM, "install it with tools/install_emulator.sh"
    with emulated.machine() as machine:
        assert (machine is None) == ON_ARM
        yield machine or ThisMachine()


class ThisMachine:
    """Stands for the emulated one where there is none, so that the laws are the same."""

    def start(self, op, *operands, exact=False):
        return lambda: self.compute(op, *operands, exact=exact)

    def compute(self, op, *operands, exact=False):
        new, _, with_precision = ways_to_call(logitkit.get_num_threads())
        bound = (with_precision if exact else new).bind(op, operands, -1)
        return bound.fetch(bound.call())

    provider = emulated.Machine.provider


@pytest.mark.parametrize("dtype", emulated.DTYPES)
@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("exact", [False, True], ids=["default", "exact"])
def test_the_emulated_machine_gives_the_bits_of_this_one(neon, op, dtype, exact):
    provider = neon.provider("logitkit exact" if exact else "logitkit")
    for name in inputs.INPUTS:
        x = inputs.make(name, dtype, rows=2)[:, :5000]
        operands = OPERATIONS[op].make(x, -1, np.random.default_rng(4))
        bound = provider.bind(op, operands, -1)
        assert (bound is None) == (exact and op not in ("softmax", "log_softmax"))
        if bound is None:
            continue
        got = bound.fetch(bound.call())
        assert got.dtype == dtype
        assert np.array_equal(got, ThisMachine().compute(op, *operands, exact=exact))


def test_accuracy_has_the_records_of_the_emulated_machine(neon, monkeypatch):
    few = ("N(0, 4), K=10", inputs.LONG_ROWS)
    monkeypatch.setattr(inputs, "INPUTS", {name: inputs.INPUTS[name] for name in few})
    records = list(accuracy.run([], rows=1, emulation=neon))
    ours = {r["isa"] for r in records}
    assert ours == {*logitkit.cpu_info()["available"], "neon"}
    per_isa = [sum(r["isa"] == isa for r in records) for isa in ours]
    assert len(set(per_isa)) == 1 or ON_ARM
    assert accuracy_tables.differences(records) == []
    assert "equal with" in accuracy_tables.text(records, []).splitlines()[-1]
    assert "neon" in accuracy_tables.text(records, []).splitlines()[-1]


def test_the_sweep_gives_every_number_to_the_emulated_machine(neon):
    records = exp_sweep.run(99991, neon)
    assert len({r["checked"] for r in records}) == 1
    assert exp_sweep.differences(records) == []
    ways = {(r["op"], r["provider"], r["length"]) for r in records if r["isa"] == "neon"}
    slow = {(op, "logitkit exact", 2) for op in exp_sweep.FUNCTIONS}
    assert ways | slow == {(r["op"], r["provider"], r["length"]) for r in records}
    assert bool(ways & slow) == ON_ARM


@pytest.mark.parametrize("provider", accuracy.OURS)
@pytest.mark.parametrize("op", exp_sweep.FUNCTIONS)
def test_the_sweep_finds_one_wrong_bit_of_the_emulated_machine(op, provider):
    number = np.concatenate(list(exp_sweep.chunks(99991)))[5000]

    class OneWrongBit(ThisMachine):
        def start(self, name, rows, *, exact):
            result = self.compute(name, rows, exact=exact)
            if (name, exact) == (op, provider.endswith("exact")):
                result.view(np.uint32)[rows == number] ^= 1
            return lambda: result

    records = exp_sweep.run(99991, OneWrongBit())
    (wrong,) = (r for r in records if r["different"])
    assert (wrong["op"], wrong["provider"], wrong["different"]) == (op, provider, 1)
    assert wrong["isa"] == "neon" or ON_ARM
    (said,) = exp_sweep.differences(records)
    assert said == f"{op} of {provider}, {wrong['isa']}: 1 results have other bits"


@pytest.mark.parametrize("processes", [1, 2])
def test_a_process_that_ends_early_is_an_error_not_a_hang(processes):
    ends = "import sys; sys.stdin.buffer.read(100)"
    machine = emulated.Machine([sys.executable, "-c", ends], processes)
    with pytest.raises(RuntimeError, match="ended in the middle of softmax"):
        machine.compute("softmax", np.zeros((1 << 10, 1 << 10), np.float32))
    machine.close()


def test_what_is_not_measured_is_named_with_its_reason(monkeypatch):
    monkeypatch.setattr(emulated.shutil, "which", lambda name: None)
    with emulated.machine() as machine:
        assert machine is None
    told = dict(one.rstrip(")").split(" (") for one in emulated.not_measured())
    available = logitkit.cpu_info()["available"]
    assert set(told) == {"avx512", "avx2", "neon", "generic"} - set(available)
    if not ON_ARM:
        assert told["neon"] == "there is no aarch64-linux-gnu-g++"
