"""The results of the benchmarks are kept, and written where they belong in the documents."""

import functools
import shutil
from pathlib import Path

import pytest

from benchmarks import accuracy, readme, results
from logitkit.bench import summary
from logitkit.bench.operations import OPERATIONS

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"stream": 3.0, "exp": 4.0}  # microseconds


@functools.cache
def errors():
    """Return real records of accuracy, of one row an input."""
    return list(accuracy.run(["numpy"], rows=1))


def measured(directory, slow=1.0):
    """Write small results of all kinds; `slow` is our time where the peers take 2."""
    cells = [(op, s, n) for op in ("softmax", "logsumexp") for s in ("10", "8x4") for n in (1, 2)]
    times = {"copy": 0.1, "numpy": 4.0, "scipy": 2.0, "logitkit": 9.0, "logitkit out=": slow}
    common = {"versions": "library 1.0", "cpu": "Processor, 2 CPUs, isa"}
    speeds = [
        {
            **dict(
                zip(results.COLUMNS["speed"], (op, shape, -1, "float32", n, name), strict=False)
            ),
            **dict.fromkeys(("median", "p20", "p80"), time),
            **common,
        }
        for op, shape, n in cells
        for name, time in times.items()
    ]
    results.write(directory / "speed-2001-02-03.csv", "speed", speeds)
    sweep = results.COLUMNS["exp-sweep"]
    values = ("softmax", "float32", "logitkit", "isa", 1.25, -5.0, 0.5, 2, 99, 0)
    record = {**dict(zip(sweep, values, strict=False)), **common}
    results.write(directory / "exp-sweep-2001-02-03.csv", "exp-sweep", [record])
    results.write(directory / "accuracy-2001-02-03.csv", "accuracy", errors())


@pytest.fixture
def copy(tmp_path):
    """A copy of the documents with their measured parts."""
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/accuracy.md", "docs/speed.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_documents_get_tables_between_their_markers(copy):
    measured(copy / "results")
    before = (copy / "README.md").read_text()
    written = readme.update(copy, copy / "results")
    assert {path.relative_to(copy).as_posix() for path in written} == {
        *("README.md", "docs/accuracy.md", "docs/speed.md"),
        *("docs/images/speed-light.svg", "docs/images/speed-dark.svg"),
    }
    assert all(path.stat().st_size for path in written)
    after = (copy / "README.md").read_text()
    assert "| (8, 4) | 0.1 | 4 | 2 | 9 | 1 |" in after
    assert "| (8, 4) | 2.00 | 2.00 |\n" in after
    assert "logitkit is the fastest in all 8 cells." in after
    assert "Measured on 2001-02-03, Processor" in after
    names = ["function", "numpy", "logitkit", "where logitkit is worst"]
    rows = [line.split(" | ")[0].strip("| ") for line in after.splitlines() if line[:2] == "| "]
    start = rows.index("function")
    others = [op for op in OPERATIONS if op not in ("softmax", "log_softmax", "logsumexp")]
    assert f"| {' | '.join(names)} |" in after
    assert rows[start + 2 : start + 2 + len(others)] == others
    page = (copy / "docs/accuracy.md").read_text()
    for dtype in accuracy.DTYPES:
        assert page.count(f"### {dtype}\n") == 1
    assert page.count("entropy / kl_divergence / gather_logprobs:") == len(accuracy.DTYPES)
    assert "| softmax_vjp | logitkit | " in page
    assert "| float64 | logsumexp | default | 2 | " in page
    assert page.count("goals are met on these inputs") == after.count("goals are met") == 1
    assert (
        "| softmax | logitkit | [x, 0] | isa | 1.25 | -5 |"
        in (copy / "docs/accuracy.md").read_text()
    )
    # Outside the markers nothing changes, and a second time nothing at all.
    for name in ("accuracy", "speed"):
        before, after = (readme.replace(text, name, "") for text in (before, after))
    assert before == after
    texts = [path.read_bytes() for path in written]
    readme.update(copy, copy / "results")
    assert [path.read_bytes() for path in written] == texts


def test_losses_are_shown(copy):
    measured(copy / "results", slow=8.0)
    readme.update(copy, copy / "results")
    text = (copy / "README.md").read_text()
    assert "logitkit is slower than the best of them in 8 of 8 cells." in text
    assert "| (8, 4) | 0.25 | 0.25 |\n" in text
    assert "| (8, 4) | 0.25 | 0.25 |\n" in (copy / "docs/speed.md").read_text()


def test_a_cell_that_was_not_timed_is_named(copy):
    measured(copy / "results")
    file = copy / "results/speed-2001-02-03.csv"
    lines = file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("softmax,10,-1,float32,2")]
    file.write_text("\n".join(kept) + "\n")
    readme.update(copy, copy / "results")
    text = (copy / "README.md").read_text()
    assert "Not timed, for the libraries' results disagree: softmax (10,) at 2 threads." in text
    assert "| (10,) | 2.00 (-) | 2.00 |\n" in text


def test_other_dtypes_are_one_line_and_a_part_of_the_page(copy):
    measured(copy / "results")
    file = copy / "results/speed-2001-02-03.csv"
    records = results.read(file)
    halves = [{**r, "dtype": "float16"} for r in records if r["op"] == "softmax"]
    for record in halves:
        if record["provider"] == "logitkit out=" and record["threads"] == 2:
            record["median"] = 4.0
    results.write(file, "speed", [*records, *halves])
    readme.update(copy, copy / "results")
    text, page = ((copy / name).read_text() for name in ("README.md", "docs/speed.md"))
    said = "float16 1.25 times faster (median; 0.50 to 2.00; slower in 2 of 4 cells)."
    assert f"Other dtypes: {said}" in text
    assert "logitkit is the fastest in all 8 cells." in text
    assert page.count("## float32\n") == page.count("## float16\n") == 1
    assert "| (8, 4) | 2.00 (0.50) |\n" in page.partition("## float16")[2]


def test_the_page_shows_how_far_the_roofline_is(copy):
    measured(copy / "results")
    file = copy / "results/speed-2001-02-03.csv"
    records = results.read(file)
    readme.update(copy, copy / "results")
    plain = (copy / "docs/images/speed-light.svg").read_text()
    assert "roofline; 1 is as fast" not in (copy / "docs/speed.md").read_text()
    ours = [r for r in records if r["provider"] == "copy"]
    floors = [{**r, "provider": name, "median": t} for r in ours for name, t in FLOORS.items()]
    for record in records:
        record["median"] *= 10
    results.write(file, "speed", [*records, *floors])
    readme.update(copy, copy / "results")
    page = (copy / "docs/speed.md").read_text()
    assert "roofline; 1 is as fast" in page and "| (8, 4) | 2.00 | 2.00 |\n" in page
    assert page.count("2.50") >= 2
    assert (copy / "docs/images/speed-light.svg").read_text() != plain


@pytest.mark.parametrize(
    ("times", "roofline"),
    [
        ({"copy": 9.0, "stream": 5.0, "exp": 3.0}, 5.0),
        ({"copy": 4.0, "stream": 5.0, "exp": 3.0}, 4.0),
        ({"copy": 4.0, "stream": 5.0, "exp": 6.0}, 6.0),
        ({"copy": 9.0, "read": 3.0, "exp": 2.5}, 3.0),
        ({"copy": 9.0, "stream": 5.0}, 5.0),
        ({"copy": 9.0}, None),
        ({"copy": 0.3, "stream": 0.1, "exp": 0.2}, None),
    ],
)
def test_the_roofline_is_the_larger_of_memory_and_exponentials(times, roofline):
    ours = {"logitkit": 12.0, "logitkit out=": 9.0, "logitkit exact": 0.1}
    line = summary.Line("softmax", "10", -1, 1, {**times, **ours})
    assert line.roofline == roofline
    assert line.over_roofline == (9.0 / roofline if roofline else None)
    assert line.best_peer is None


def test_a_copy_is_not_a_peer():
    line = summary.Line("softmax", "10", -1, 1, {"copy": 1.0, "numpy": 3.0, "logitkit": 2.0})
    assert (line.best_peer, line.best_ratio) == ("numpy", 1.5)


@pytest.mark.parametrize("text", ["", "<!-- speed:end --> <!-- speed:begin -->"])
def test_a_document_without_markers_is_refused(copy, text):
    measured(copy / "results")
    (copy / "README.md").write_text(f"<!-- accuracy:begin --><!-- accuracy:end -->{text}")
    with pytest.raises(ValueError, match="speed:begin"):
        readme.update(copy, copy / "results")
    assert text in (copy / "README.md").read_text()


def test_a_part_without_results_stays(copy):
    measured(copy / "results")
    (copy / "results/speed-2001-02-03.csv").unlink()
    before = (copy / "README.md").read_text()
    written = readme.update(copy, copy / "results")
    assert [path.name for path in written] == ["README.md", "accuracy.md"]
    assert (
        before.partition("## Speed")[2] == (copy / "README.md").read_text().partition("## Speed")[2]
    )
    after = (copy / "README.md").read_text()
    assert after != before
    assert after.partition("## Speed")[2] == before.partition("## Speed")[2]


def test_without_results_the_command_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="`python -m benchmarks` makes them"):
        readme.update(tmp_path, tmp_path)


def test_the_newest_results_are_taken(tmp_path):
    for day in ("2001-02-03", "2001-11-01", "2000-12-31"):
        results.write(tmp_path / f"speed-{day}.csv", "speed", [])
    assert results.newest("speed", tmp_path).name == "speed-2001-11-01.csv"


def test_results_survive_a_write_that_fails(tmp_path):
    file = tmp_path / "speed.csv"
    results.write(file, "speed", [])
    before = file.read_text()
    with pytest.raises(ValueError, match="fields not in fieldnames"):
        results.write(file, "speed", [{"unknown": 1}])
    assert file.read_text() == before
