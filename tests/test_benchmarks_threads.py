"""What threads cost is measured where it arises, kept, and every loss is shown by name."""

import itertools
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import logitkit as lk
from benchmarks import __main__ as command
from benchmarks import readme, results, threads
from benchmarks.threads import beside, cells, costs, page
from benchmarks.threads.cells import Cell

ROOT = Path(__file__).resolve().parent.parent
CUT = Cell("softmax", "middle rows", 2**15)
WHOLE = Cell("softmax", "middle rows", 2**13)


# ---- the pool by itself -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program as the command builds it: of three small sources."""
    return costs.build(tmp_path_factory.mktemp("costs"))


def test_every_cost_is_sampled_after_every_pause(program):
    found = costs.samples(program, "gaps", 2, 3)
    gaps = dict.fromkeys(gap for _, gap in found)
    assert set(found) == {(kind, gap) for kind in page.COSTS for gap in gaps}
    assert all(len(values) == 3 for values in found.values())
    assert all(value >= 0 for values in found.values() for value in values)
    assert {int(page.AWAKE), int(page.ASLEEP)} <= set(gaps)


@pytest.mark.parametrize("what", ["begin", "empty"])
def test_a_first_call_is_told_from_later_ones(program, what):
    found = costs.samples(program, what, 3, 5)
    assert [len(found["first", 0]), len(found[what, 0])] == [1, 5]


def test_a_program_that_fails_is_told(program):
    with pytest.raises(RuntimeError, match="the costs of gaps were not measured"):
        costs.samples(Path("/bin/false"), "gaps", 2, 3)


def test_the_pause_in_which_a_worker_sleeps_is_longer_than_it_looks_for_work():
    source = (ROOT / "src/core/pool.cpp").read_text()
    patience = int(re.search(r"microseconds patience\{(\d+)\}", source)[1])
    assert patience < int(page.ASLEEP)
    assert patience < 1e6 * cells.PAUSE


# ---- calls with one thread and with all ---------------------------------------------------------


def test_what_is_cut_follows_the_plan():
    source = (ROOT / "src/core/plan.cpp").read_text()
    assert f"part_elements = {threads.PART_ELEMENTS};" in source
    assert "layout.length >= 4 * part_elements" in source
    below = [Cell("softmax", kind, 2**14) for kind in cells.KINDS]
    assert not any(cell.is_cut for cell in below)
    assert [Cell("softmax", kind, 2**15).is_cut for kind in cells.KINDS] == [1, 1, 1, 0, 1]
    assert all(Cell("softmax", kind, 2**16).is_cut for kind in cells.KINDS)


def test_cells_reach_from_below_the_grain_to_large_in_every_kind_of_rows():
    grid = cells.grid()
    assert len(set(grid)) == len(grid)
    for op in cells.OPS:
        for kind in cells.KINDS:
            elements = [c.elements for c in grid if (c.op, c.kind) == (op, kind)]
            assert min(elements) < 3 * threads.PART_ELEMENTS
            assert max(elements) >= 2**24
    for cell in grid:
        assert cell.size <= cell.elements < 1.25 * cell.size
        assert np.prod(cell.shape) == cell.elements


@pytest.fixture
def quick(monkeypatch, thread_settings):
    """Few rounds of one small cell."""
    monkeypatch.setattr(cells, "ROUNDS", (3, 3))
    monkeypatch.setattr(beside, "ROUNDS", 1)
    monkeypatch.setattr(beside, "SECONDS", 1e-3)


def test_one_thread_and_all_take_turns(quick, monkeypatch):
    """By a clock on which a call takes a second for each thread: all lose every round."""
    counts = []

    def timed(call, count):
        counts.append(lk.get_num_threads())
        call()
        return float(counts[-1])

    monkeypatch.setattr(cells, "_timed", timed)
    lk.set_num_threads(2)
    for one, many, share in cells.compare(CUT, 3):
        assert (one, many, share) == ([1e6] * 3, [3e6] * 3, 1.0)
    assert lk.get_num_threads() == 2
    assert counts == [1, 1, 1, *2 * (3, 1, 1, 3, 3, 1)]


def test_a_cell_has_a_time_for_each_state_and_number(quick, monkeypatch):
    monkeypatch.setattr(cells, "grid", lambda: [CUT])
    records = list(cells.run(2))
    assert [(r["state"], r["threads"]) for r in records] == [
        *(("loop", 1), ("loop", 2), ("pause", 1), ("pause", 2)),
    ]
    for r in records:
        assert set(r) == set(results.COLUMNS["threads"])
        assert 0 < r["p20"] <= r["median"] <= r["p80"]
        assert (r["share"] is None) == (r["threads"] == 1)
    ((found, states),) = page.pairs(records).items()
    assert found == CUT
    assert set(states) == {"loop", "pause"}


# ---- beside others ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["numpy", "another process", "another Python thread"])
def test_ours_is_timed_alone_and_beside(quick, name):
    records = list(beside.measure(name, 2))
    found = {(r["who"], r["state"], r["threads"]): r["median"] for r in records}
    assert {key for key in found if key[0] == "ours"} == {
        ("ours", state, count) for state in ("alone", "beside") for count in (1, 2)
    }
    assert all(median > 0 for median in found.values())
    assert len(page.beside(records)[1]) == 2


def test_a_partner_that_is_not_installed_is_told_and_left_out(monkeypatch, capsys):
    monkeypatch.setattr(beside, "PARTNERS", {"nobody": beside.Partner("no_such_package")})
    assert list(beside.run(2)) == []
    assert "not installed: nobody" in capsys.readouterr().err


def test_a_partner_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(beside, "PARTNERS", {"nobody": beside.Partner("numpy")})
    with pytest.raises(RuntimeError, match="nothing was measured beside nobody"):
        list(beside.run(2))


def test_calls_in_turns_are_told_apart(monkeypatch):
    now = [0.0]

    def taking(*seconds):
        times = itertools.cycle(seconds)

        def call():
            now[0] += next(times)

        return call

    monkeypatch.setattr(beside, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    # The first of each is not timed; then the rounds last until SECONDS are over.
    means = beside.repeat([taking(9, 0.01, 0.03, 0.02), taking(9, 0.015, 0.015, 0.015)])
    assert means == pytest.approx([2e4, 1.5e4])


def test_the_other_process_ends_with_the_measurement(quick):
    listing = "from benchmarks.threads import beside; beside.ROUNDS = 1; beside.SECONDS = 1e-3\n"
    listing += "import subprocess; made = []; start = subprocess.Popen.__init__\n"
    listing += "def note(self, *a, **k): start(self, *a, **k); made.append(self)\n"
    listing += "subprocess.Popen.__init__ = note; list(beside.measure('another process', 2))\n"
    listing += "print([one.returncode for one in made])"
    done = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[-9, -9]\n", done.stderr


# ---- what is shown ------------------------------------------------------------------------------


def cell_records(cell, one, many, state="loop", share=0.0):
    shape = "x".join(map(str, cell.shape))
    return [
        threads.record("cell", cell.op, cell.kind, state, n, [t], shape=shape, axis=cell.axis)
        | {"share": share if n > 1 else None}
        for n, t in ((1, one), (2, many))
    ]


def test_every_loss_is_named_with_how_often_it_was_one():
    lost, won = Cell("softmax", "axis 0", 2**16), Cell("logsumexp", "one row", 2**20)
    records = [
        *cell_records(lost, 60.0, 120.0, share=0.95),
        *cell_records(lost, 60.0, 61.0, state="pause", share=0.5),
        *cell_records(won, 60.0, 30.0),
        *cell_records(WHOLE, 9.0, 10.0),
    ]
    assert page.slower(records)[1] == [
        ["softmax (1000, 66), axis 0", "in a loop", "60", "120", "0.50", "95 %"],
        ["softmax (1000, 66), axis 0", "after a pause", "60", "61", "0.98", "50 %"],
    ]
    told = page.verdict(records)
    assert "slower than one in 2 of 3 cells that are cut, in 1 of them in at least four" in told
    assert "ratios of what is not cut: in a loop 0.90 to 0.90." in told
    rows = {row[0]: row[1:] for row in page.ratios(records)[1]}
    assert rows["softmax, axis 0"] == ["-", "0.50 / 0.98", "-"]
    assert rows["softmax, middle rows"] == ["(0.90)", "-", "-"]


def test_without_a_loss_none_is_claimed():
    records = cell_records(CUT, 60.0, 30.0)
    assert "at least as fast as one in all 1 cells" in page.verdict(records)
    assert page.slower(records)[1] == []
    assert "rounds slower" not in page.page(records)


def test_waking_is_told_in_scores():
    pool = [
        threads.record("cost", what, "pool", gap, 2, [time])
        for what, gap, time in (("begin", "0", 1.0), ("begin", "1000", 33.0), ("empty", "1000", 9))
    ]
    cell = Cell("softmax", "one row", 2**15)
    (row,) = page.grain([*pool, *cell_records(cell, 32.768, 20.0)])[1]
    assert row == ["softmax, one row", "1.000", "16.4", "1000", "33000", "9000"]


def test_an_unknown_part_and_a_single_cpu_are_refused(capsys, monkeypatch):
    assert command.main(["threads", "--parts=grain"]) == 1
    assert "part is 'grain'; accepted are cost, cell, beside" in capsys.readouterr().err
    with pytest.raises(ValueError, match="threads is 1; there is nothing to compare below 2"):
        list(threads.run(["cell"], 1))


def test_the_command_prints_and_keeps_what_it_measures(quick, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cells, "grid", lambda: [CUT, WHOLE])
    file = tmp_path / "threads.csv"
    assert command.main(["threads", "--parts=cell", f"--csv={file}"]) == 0
    records = results.read(file)
    assert len(records) == 8
    assert page.text(records) in capsys.readouterr().out


def test_the_page_is_written_from_the_newest_times():
    path = results.newest("threads")
    assert path is not None
    records = results.read(path)
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    found = re.search("<!-- threads:begin -->\n(.*?)\n<!-- threads:end -->", text, re.DOTALL)
    assert found is not None
    assert found[1] == f"{page.page(records)}\n\n{readme.measured(records, path)}"
