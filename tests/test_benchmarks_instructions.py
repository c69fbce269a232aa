"""Instructions are counted right, kept, and shown beside the theory."""

import platform
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import instructions, instructions_page, readme, results, theory
from logitkit import _core
from tools import core_build

ROOT = Path(__file__).resolve().parent.parent
HERE = instructions.lacking() == ""
linux_x86 = pytest.mark.skipif(not HERE, reason=instructions.lacking() or "-")

LOOPS = r"""
#include <cstdio>
#include "single_step.hpp"
using namespace logitkit::stepping;
static std::int64_t total(const Counts& counts) {
    std::int64_t sum = 0;
    for (const auto& [address, count] : counts) sum += count;
    return sum;
}
template <class Body>
static void print(Body body) {
    std::printf("%lld ", static_cast<long long>(total(count(body)) - total(count([] {}))));
}
int main() {
    for (std::int64_t n : {1, 10, 1000}) print([n] { known_loop(n); });
    // One string instruction, whatever it repeats.
    static char from[512], to[512];
    for (std::int64_t n : {1, 512}) {
        print([n] {
            const char* source = from;
            char* target = to;
            std::int64_t left = n;
            asm volatile("rep movsb" : "+S"(source), "+D"(target), "+c"(left) : : "memory");
        });
    }
}
"""


@pytest.fixture(scope="module")
def loops(tmp_path_factory):
    """What the counter says of hand-written loops, less an empty call."""
    directory = tmp_path_factory.mktemp("loops")
    (directory / "loops.cpp").write_text(LOOPS)
    compiler = core_build.native_compiler()
    flags = ["-std=c++20", "-O1", f"-I{ROOT / 'benchmarks'}"]
    program = directory / "loops"
    subprocess.run([*compiler, *flags, directory / "loops.cpp", "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=True, timeout=60)
    return [int(count) for count in done.stdout.split()]


@linux_x86
def test_a_loop_of_known_length_is_counted_exactly(loops):
    one, ten, thousand = loops[:3]
    assert (ten - one, thousand - ten) == (2 * 9, 2 * 990)
    assert 3 <= one <= 6  # the loop once, its counter's load and the call around it


@linux_x86
def test_a_repeated_string_instruction_is_one(loops):
    assert loops[3] == loops[4]


class Fake:
    """Counts by a formula: 5 an element, 7 a row, 100 a call; 3 of an element in one function."""

    def __init__(self, directory=None, isas=()):
        pass

    def check(self, isa):
        """Nothing can be wrong."""

    def counts(self, isa, request):
        _, _, _, rows, length = request.split()
        elements = int(rows) * int(length)
        return instructions.Counter(
            {"sum": 3 * elements, "rest": 2 * elements + 7 * int(rows), "": 100}
        )


def test_a_wrong_count_of_a_known_loop_ends_the_run():
    class Loop(Fake):
        def counts(self, isa, request):
            return instructions.Counter(loop=2 * int(request.split()[-1]) + self.extra)

    stepper = Loop()
    stepper.extra = 8
    instructions.Stepper.check(stepper, "generic")
    for stepper.extra in (1000, 10**6):
        with pytest.raises(RuntimeError, match="counted as"):
            instructions.Stepper.check(stepper, "generic")


@pytest.mark.parametrize("regime", list(instructions.REGIMES))
def test_element_row_and_call_come_apart(regime):
    record = instructions.measure(Fake(), regime, "softmax", "float32", "avx512")
    assert set(record) == set(results.COLUMNS["instructions"])
    assert record["per_element"] == 5
    way = instructions.REGIMES[regime]
    if way.rows_alone:
        assert (record["per_row"], record["per_call"]) == (7, 100)
    else:
        assert (record["per_row"], record["per_call"]) == (None, 100 + 7 * way.rows)
    assert record["functions"] == "sum 3.0000, rest 2.0000"


def test_functions_are_told_from_their_arguments():
    listing = (
        "0000000000401000 t logitkit::isa::(anonymous namespace)::row_max<F32x16, float const*>"
        "(float const*, long)\n"
        "0000000000401100 T logitkit::run(logitkit::Request const&)\n"
        "0000000000401180 t std::function<void (long)>::operator()(long) const\n"
        "0000000000401200 T _etext\n"
        "0000000000401300 d data\n"
    )
    starts, names = instructions.functions(listing)
    at = dict(zip(starts, names[1:], strict=True))
    assert names[0] == ""
    assert [at[0x401000], at[0x401100], at[0x401200]] == ["row_max", "run", ""]
    assert 0x401300 not in at


def test_every_way_has_a_cell_and_the_theory_of_it():
    cells = [
        (regime, op)
        for regime in instructions.REGIMES
        for op in instructions.OPS
        if instructions.is_measured(regime, op, "float32", "avx512")
    ]
    assert {regime for regime, _ in cells} == set(instructions.REGIMES)
    assert set(cells) == set(theory.THEORY)


def newest():
    path = results.newest("instructions")
    assert path is not None
    return path, results.read(path)


def test_no_count_is_below_the_theory():
    """A kernel that does with less than its source asks for would be a mistake of the theory."""
    _, records = newest()
    shown = [r for r in records if (r["dtype"], r["isa"]) == instructions_page.SHOWN]
    assert len(shown) == len(theory.THEORY)
    for r in shown:
        by_hand = theory.THEORY[r["regime"], r["op"]].work.instructions
        assert by_hand <= 16 * r["per_element"], r


def test_the_page_is_written_from_the_newest_counts():
    path, records = newest()
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    found = re.search(
        "<!-- instructions:begin -->\n(.*?)\n<!-- instructions:end -->", page, re.DOTALL
    )
    written = f"{instructions_page.page(records)}\n\n{readme.measured(records, path)}"
    assert found is not None
    assert found[1] == written


def test_another_machine_is_told_what_it_lacks(monkeypatch, capsys):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert command.main(["instructions"]) == 1
    assert "on Linux x86_64, this is" in capsys.readouterr().err


@linux_x86
@pytest.mark.parametrize(
    ("option", "told"),
    [("--isas=mmx", "isa is 'mmx'; accepted are"), ("--regimes=all", "regime is 'all'; accepted")],
)
def test_an_unknown_choice_is_refused_by_name(option, told, capsys):
    assert command.main(["instructions", option]) == 1
    assert told in capsys.readouterr().err


@linux_x86
def test_the_command_prints_and_keeps_what_it_counts(tmp_path, capsys, monkeypatch):
    """Without the minute that the kernels are compiled in."""
    monkeypatch.setattr(instructions, "Stepper", Fake)
    file = tmp_path / "counts.csv"
    arguments = ["instructions", "--regimes=tiny,turned", f"--csv={file}"]
    assert command.main(arguments) == 0
    records = results.read(file)
    assert {r["regime"] for r in records} == {"tiny", "turned"}
    assert {r["isa"] for r in records} <= set(_core.available_isas())
    assert all((r["per_element"], r["per_row"], r["per_call"]) == (5, 7, 100) for r in records)
    told = capsys.readouterr()
    assert str(file) in told.err
    header, _, *lines = told.out.splitlines()
    assert header.split() == ["regime", "op", "dtype", "isa", "element", "row", "call"]
    assert len(lines) == len(records)


@linux_x86
def test_the_program_is_still_one_with_the_core():
    """It is compiled whole when the command runs, which takes a minute."""
    flags = [*core_build.shared_flags(), "-Werror", "-Isrc", "-Isrc/core", "-fsyntax-only"]
    command_line = [*core_build.native_compiler(), *flags, "benchmarks/instructions.cpp"]
    assert core_build.run(command_line).stderr == ""
