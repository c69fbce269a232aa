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


def test_the_sweep_says_how_many_numbers_the_emulated_machine_was_given(neon):
    records = {(r["op"], r["provider"], r["isa"]): r for r in exp_sweep.run(99991, neon)}
    for op in exp_sweep.FUNCTIONS:
        for provider in accuracy.OURS:
            mine, all_of_them = records[op, provider, "neon"], records[op, provider, "generic"]
            assert mine["max_ulp"] <= all_of_them["max_ulp"]
            if not ON_ARM:
                assert 11 * mine["checked"] == pytest.approx(all_of_them["checked"], rel=0.01)


def test_a_process_that_ends_early_is_an_error_not_a_hang():
    ends = "import sys; sys.stdin.buffer.read(100)"
    machine = emulated.Machine([sys.executable, "-c", ends])
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
