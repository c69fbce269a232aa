"""The speed command times the grid, or the part of it that is asked for, and keeps what it found.

Times are never asserted. The peers are NumPy and SciPy, which the tests have; the others only count
as missing here.
"""

import itertools

import pytest

import logitkit
from benchmarks import __main__, grid, results, speed
from benchmarks.providers import floors
from logitkit.bench import providers, run, timing
from logitkit.bench.cells import Cell

SHORT = timing.Effort(seconds=0.0, least=2, most=2, turn=1e-5)


@pytest.fixture
def missing_torch(monkeypatch):
    """A machine without PyTorch."""
    monkeypatch.setitem(providers.NEEDS, "torch", ("no_such_module",))


def test_speed_measures_every_cell(tmp_path, capsys, missing_torch):
    file = tmp_path / "speed.csv"
    done = __main__.main(
        "speed --quick --threads 1,2 --ops softmax,logsumexp --shapes 10,8x4@0 "
        f"--peers numpy,scipy,torch --csv {file}".split()
    )
    assert done == 0
    assert file.read_text().splitlines()[0].split(",") == list(results.COLUMNS["speed"])
    records = results.read(file)
    cells = {(r["op"], r["shape"], r["axis"], r["threads"]) for r in records}
    shapes = [("10", -1), ("8x4", 0)]
    assert cells == {(op, *s, n) for op in ("softmax", "logsumexp") for s in shapes for n in (1, 2)}
    assert {r["provider"] for r in records} == {
        *("copy", "stream", "read", "exp", "numpy", "scipy"),
        *("logitkit", "logitkit out=", "logitkit exact"),
    }
    assert all(0 < r["p20"] <= r["median"] <= r["p80"] for r in records)
    assert all(r["versions"] and r["cpu"] for r in records)
    out = capsys.readouterr().out
    assert out.count("not installed") == len(cells)
    assert "softmax, float32, N(0, 4), 2 threads: microseconds, median" in out
    floors_of = {op: {r["provider"] for r in records if r["op"] == op} for op in ("softmax",)}
    assert "read" not in floors_of["softmax"]


def test_a_whole_run_has_every_cell_of_the_grid():
    """All shapes and operations in float32, a part of them in the other dtypes."""
    cells = grid.cells(grid.DTYPES)
    assert len(set(cells)) == len(cells)
    counts = {dtype: sum(cell.dtype == dtype for cell in cells) for dtype in grid.DTYPES}
    float32 = {(cell.op, cell.size) for cell in cells if cell.dtype == "float32"}
    every = {(op, shape.partition("@")[0]) for op in grid.OPS for shape in grid.SHAPES}
    assert {size for _, size in every - float32} == {"32x12x512x512"}
    every |= {(op, shape) for op in grid.LOSSES for shape in grid.LOSS_SHAPES}
    assert {("softmax", "32x12x512x512"), ("logsumexp", "8x21x512x512")} < float32 < every
    assert all(counts.values())
    # Operations of a shape follow each other: they share its scores.
    shapes = [(cell.shape, cell.axis, cell.dtype) for cell in cells]
    assert len(dict.fromkeys(shapes)) == sum(a != b for a, b in itertools.pairwise([None, *shapes]))


@pytest.mark.parametrize(
    ("options", "dtypes", "count"),
    [
        ("", grid.DTYPES, len(grid.cells(grid.DTYPES))),
        ("--dtypes float16", ["float16"], len(grid.OTHER_SHAPES) * len(grid.OTHER_OPS)),
        ("--shapes 8x4,5", ["float32"], 2 * len(grid.OPS)),
        ("--ops softmax --shapes 5 --dtypes float64,float16", ["float64", "float16"], 2),
        ("--quick", ["float32"], len(grid.QUICK_SHAPES) * len(grid.OPS)),
    ],
)
def test_options_select_a_part(monkeypatch, options, dtypes, count):
    asked = []
    monkeypatch.setattr(speed, "measure", lambda cells, *rest: asked.extend(cells) or iter(()))
    monkeypatch.setattr(results, "write", lambda *rest: None)
    assert __main__.main(f"speed --peers numpy {options}".split()) == 0
    assert list(dict.fromkeys(cell.dtype for cell in asked)) == list(dtypes)
    assert len(asked) == count


@pytest.mark.parametrize("options", ["", "--quick", "--threads 1", "--dtypes float32"])
def test_only_a_whole_run_is_kept(monkeypatch, options):
    kept = []
    monkeypatch.setattr(speed, "measure", lambda *rest: iter(()))
    monkeypatch.setattr(results, "write", lambda *rest: kept.append(rest))
    monkeypatch.setattr(providers, "PEERS", ("numpy",))
    assert __main__.main(f"speed {options}".split()) == 0
    assert len(kept) == (options == "")


@pytest.mark.parametrize("isa", logitkit.cpu_info()["available"])
def test_floors_are_timed_on_every_instruction_set(isa, monkeypatch):
    """In another process, which has their threads."""
    monkeypatch.setenv("LOGITKIT_ISA", isa)
    asked = [Cell(op, (70, 1000), -1) for op in ("softmax", "logsumexp", "softmax_vjp")]
    asked += [Cell("softmax", (1000,), -1, dtype) for dtype in ("float64", "float16")]
    wrong = []
    records = list(speed.measure(asked, [2], ["copy", "floors", "logitkit"], SHORT, wrong))
    assert wrong == []
    ours = {"logitkit", "logitkit out=", "logitkit exact"}
    seen = {}
    for record in records:
        seen.setdefault((record["op"], record["dtype"]), set()).add(record["provider"])
    assert {key: names - ours for key, names in seen.items()} == {
        ("softmax", "float32"): {"copy", "stream", "exp"},
        ("logsumexp", "float32"): {"copy", "read", "exp"},
        ("softmax_vjp", "float32"): {"copy", "stream"},
        ("softmax", "float64"): {"copy", "stream", "exp"},
        ("softmax", "float16"): {"copy", "stream", "exp"},
    }
    assert all(record["median"] > 0 for record in records)


def test_without_a_compiler_the_floors_are_said_to_be_missing(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    asked = []
    monkeypatch.setattr(
        speed, "measure", lambda cells, threads, libraries, *rest: asked.extend(libraries) or []
    )
    assert __main__.main(["speed", "--peers", "numpy", "--shapes", "5"]) == 0
    assert asked == ["copy", "numpy", "logitkit"]
    assert floors.lacking() in capsys.readouterr().err


def test_a_disagreement_fails_the_run_and_leaves_the_other_cells(tmp_path, monkeypatch, capsys):
    def records(settings, *where):
        yield {"disagreement": "flat disagrees on softmax"}
        yield {
            **dict.fromkeys(results.COLUMNS["speed"], 1),
            **{"op": "softmax", "shape": "8", "axis": -1, "provider": "numpy"},
        }

    monkeypatch.setattr(run, "records_of", records)
    file = tmp_path / "speed.csv"
    assert __main__.main(f"speed --threads 1 --peers numpy --csv {file}".split()) == 1
    assert "flat disagrees on softmax (1 threads)" in capsys.readouterr().err
    assert [r["shape"] for r in results.read(file)] == ["8"]


@pytest.mark.parametrize("text", ["", "x", "10x", "0", "-1", "10@1", "10@", "3 x 4"])
def test_a_shape_that_is_none_is_refused(text, capsys):
    with pytest.raises(ValueError, match=r"shape is .*; accepted are"):
        grid.parse_shape(text)
    assert __main__.main(["speed", "--shapes", f"2x2,{text}", "--peers", "numpy"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"benchmarks: shape is {text!r}")


@pytest.mark.parametrize("option", ["--ops softmin", "--peers nump", "--dtypes int8"])
def test_an_unknown_name_is_refused(option, capsys):
    assert __main__.main(["speed", *option.split()]) == 1
    assert "accepted are" in capsys.readouterr().err
