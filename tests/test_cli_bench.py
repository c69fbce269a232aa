"""`logitkit bench`: what it prints is what was timed, and what it cannot do is said."""

import re

import numpy as np
import pytest
from cli_process import invoke, loads, ok, plain, terminal

import logitkit
from logitkit.bench import providers, run, timing
from logitkit.cli.commands import bench

SHORT = timing.Effort(seconds=0.0, least=2, most=2, turn=1e-5)
PART = ["bench", "--shape", "8,4", "--threads", "1", "--peers", "numpy"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(timing, "QUICK", SHORT)


@pytest.fixture
def times(monkeypatch):
    """Records as a worker gives them, without one."""
    asked = []

    def records(settings, worker=run.WORKER):
        asked.append(settings)
        for op, shape, axis, dtype in settings["cells"]:
            for name, median in (("copy", 1.0), ("numpy", 8.0), ("logitkit", 2.0)):
                yield {
                    **{"op": op, "shape": "x".join(map(str, shape)), "axis": axis},
                    **{"dtype": dtype, "threads": settings["threads"], "provider": name},
                    **{"median": median, "p20": median / 2, "p80": 2 * median},
                    **{"versions": f"{name} 1.0", "cpu": "Processor"},
                }

    monkeypatch.setattr(run, "records_of", records)
    return asked


def test_libraries_are_timed_in_a_process_of_their_own():
    text = ok(*PART, "--op", "softmax,logsumexp", "--threads", "1,2")
    head, *lines = (line.split("\t") for line in text.splitlines())
    records = [dict(zip(head, line, strict=True)) for line in lines]
    assert {(r["op"], r["threads"]) for r in records} == {
        (op, n) for op in ("softmax", "logsumexp") for n in "12"
    }
    assert {r["provider"] for r in records if r["op"] == "softmax"} == {
        *("copy", "numpy", "logitkit", "logitkit out=", "logitkit exact")
    }
    assert all(0 < float(r["p20"]) <= float(r["median"]) <= float(r["p80"]) for r in records)
    for record in records:
        (peer,) = (
            float(r["median"])
            for r in records
            if [r[k] for k in ("op", "threads", "provider")]
            == [record["op"], record["threads"], "numpy"]
        )
        assert float(record["times_faster"]) == peer / float(record["median"])


def test_json_holds_every_record(times):
    found = loads(ok(*PART, "--json"))
    assert (found["unit"], found["cpu"]) == ("microseconds", "Processor")
    assert [r["times_faster"] for r in found["times"]] == [8.0, 1.0, 4.0]
    assert {"op", "shape", "axis", "dtype", "threads", "provider", "versions"} < set(
        found["times"][0]
    )


def test_options_choose_the_cells(times):
    line = "--shape 8,4 --shape 3,4,5 --axis -2 --op softmax,entropy --dtype float64,float32"
    ok("bench", *line.split(), "--threads", "1,3", "--peers", "numpy")
    assert [settings["threads"] for settings in times] == [1, 3]
    assert times[0]["libraries"] == ["copy", "numpy", "logitkit"]
    assert {tuple(map(str, cell)) for cell in times[0]["cells"]} == {
        (op, shape, axis, dtype)
        for op in ("softmax", "entropy")
        for shape, axis in (("(8, 4)", "0"), ("(3, 4, 5)", "1"))
        for dtype in ("float64", "float32")
    }


def test_without_options_there_is_a_quick_look(times):
    present, missing = providers.installed(providers.PEERS)
    result = invoke("bench")
    assert result.exit_code == 0
    assert {tuple(cell[1]) for cell in times[0]["cells"]} == set(bench.SHAPES)
    assert [s["threads"] for s in times] == sorted({1, logitkit.cpu_info()["cpus"]})
    assert times[0]["libraries"] == ["copy", *present, "logitkit"]
    assert all(name in result.stderr for name in missing)


def test_missing_libraries_are_named(monkeypatch, times):
    monkeypatch.setitem(providers.NEEDS, "torch", ("no_such_module",))
    result = invoke("bench", "--shape", "5", "--threads", "1")
    assert result.exit_code == 0
    assert "torch" in result.stderr and "pip install" in result.stderr
    assert "torch" not in times[0]["libraries"]
    result = invoke(*PART[:-1], "numpy,torch")
    assert result.exit_code == 4
    assert result.stderr == "Error: not installed: torch (pip install no_such_module)\n"


def test_a_disagreement_is_told_and_fails(monkeypatch, times):
    records = run.records_of

    def some(settings, worker=run.WORKER):
        yield {"disagreement": "numpy disagrees on softmax"}
        yield from records(settings)

    monkeypatch.setattr(run, "records_of", some)
    result = invoke(*PART)
    assert result.exit_code == 1
    assert "Not timed: numpy disagrees on softmax (1 threads)." in result.stderr
    assert "logitkit" in result.stdout


def test_a_worker_that_ends_early_is_one_sentence(monkeypatch):
    monkeypatch.setattr(run, "WORKER", ("-c", "raise SystemExit(7)"))
    monkeypatch.setattr(run.run, "__defaults__", (("-c", "raise SystemExit(7)"),))
    result = invoke(*PART)
    assert result.exit_code == 1
    assert "Error: the worker at 1 threads ended with 7" in result.stderr


def test_results_go_to_a_file(times, tmp_path):
    assert ok(*PART, "-o", tmp_path / "times.csv") == ""
    head, *lines = (tmp_path / "times.csv").read_text().splitlines()
    assert head.startswith("op,shape,axis,dtype,threads,provider,median")
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("line", "message", "code"),
    [
        ("--shape 3,x", "'3,x' is not a shape: sizes from 1, as in 64,50257", 2),
        ("--shape 0", "'0' is not a shape", 2),
        ("--op softmin", "op is 'softmin'; accepted are softmax", 2),
        ("--dtype int8", "dtype is 'int8'; accepted are float32", 2),
        ("--peers nump", "peer is 'nump'; accepted are numpy", 2),
        ("--threads 0", "'0' are not numbers of threads", 2),
        ("--threads 1,a", "'1,a' are not numbers of threads", 2),
        ("--shape 8,4 --axis 2", "axis is 2; a shape of 2 axes has no such", 2),
        ("--json -o a.csv", "--json prints, -o writes a file", 2),
        ("--shape 1000000000000,1000 --peers numpy --threads 1", "not enough memory: softmax", 3),
    ],
)
def test_wrong_usage_is_one_sentence(line, message, code):
    result = invoke("bench", *line.split())
    assert result.exit_code == code
    errors = [each for each in result.stderr.splitlines() if each.startswith("Error: ")]
    assert len(errors) == 1 and message in errors[0]
    assert result.stdout == "" and "Traceback" not in result.stderr


@pytest.mark.parametrize("width", [40, 100])
def test_a_terminal_shows_a_table_for_each_cell(width):
    code, seen = terminal(*PART, "--op", "softmax,entropy", width=width)
    lines = plain(seen).partition("softmax, (8, 4)")[2].splitlines()
    assert code == 0 and "─" in seen
    assert max(map(len, lines)) <= width
    text = re.sub(r"\s+", " ", plain(seen))
    assert "softmax, (8, 4), float32, 1 thread" in text
    assert text.count("numpy") == 2 and "logitkit out=" in text


def test_a_busy_machine_is_told(monkeypatch, times):
    monkeypatch.setattr("os.getloadavg", lambda: (5.0, 0.0, 0.0))
    assert "The load is 5.0: other processes disturb the times." in invoke(*PART).stderr


def test_ratios_without_a_peer_are_absent():
    records = [
        {
            **{"op": "softmax", "shape": "5", "axis": -1, "dtype": "bfloat16", "threads": 1},
            **{"provider": "logitkit", "median": 1.0, "p20": 1.0, "p80": 1.0},
            **{"versions": "logitkit", "cpu": "Processor"},
        }
    ]
    table, view = bench.result(records)
    assert np.isnan(table.array[0, -1])
    assert table.document["times"][0]["times_faster"] is None
    assert view() is not None
