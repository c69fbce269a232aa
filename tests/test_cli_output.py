"""What comes out: text, JSON, files; whole or not at all."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest
from cli_process import COMMAND, environment, invoke, loads, ok, pipe

import logitkit
from logitkit.cli import output as cli_output

LOGITS = [[2.0, -1.0, 0.5], [-np.inf, 0.0, 1.0]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_text_reads_back_to_the_same_bits(folder, dtype):
    x = np.random.default_rng(5).normal(size=(50, 7)).astype(dtype) * 3
    np.save("x.npy", x)
    lines = ok("log-softmax", "x.npy").splitlines()
    got = np.array([line.split("\t") for line in lines]).astype(dtype)
    np.testing.assert_array_equal(got, logitkit.log_softmax(x))
    if dtype == "float32":
        assert max(len(cell) for line in lines for cell in line.split("\t")) <= 15


def test_dtype_is_that_of_the_result():
    got = loads(ok("softmax", "2", "1", "--dtype", "float32", "--json"))
    assert got["dtype"] == "float32"
    expected = logitkit.softmax([2.0, 1.0], dtype="float32")
    assert [np.float32(p) for p in got["probabilities"]] == expected.tolist()


def test_json_is_strict():
    got = loads(ok("log-softmax", "--json", "-inf", "0", "-T", "inf", "--labels", "a,b"))
    assert got == {
        "function": "log_softmax",
        "temperature": "Infinity",
        "axis": -1,
        "dtype": "float64",
        "labels": ["a", "b"],
        "log_probabilities": ["-Infinity", 0.0],
    }


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv", "tsv", "json", "NPY"])
@pytest.mark.parametrize(
    ("function", "name"), [("softmax", "probabilities"), ("log_softmax", "log_probabilities")]
)
def test_every_output_format(folder, suffix, function, name):
    np.save("x.npy", LOGITS)
    path = f"out.{suffix}"
    result = invoke(function.replace("_", "-"), "x.npy", "-o", path, "--labels", "a,b,c")
    assert result.exit_code == 0 and result.stdout == ""
    assert result.stderr == f"Wrote {path}: {name}, float64 (2, 3).\n"
    expected = getattr(logitkit, function)(LOGITS)
    if suffix.lower() == "npy":
        got = np.load(path)
    elif suffix == "npz":
        with np.load(path) as archive:
            got = archive[name]
            assert archive["classes"].tolist() == ["a", "b", "c"]
    elif suffix == "json":
        with open(path) as file:
            got = np.array(loads(file.read())[name], dtype=float)
    else:
        mark = "," if suffix == "csv" else "\t"
        with open(path) as file:
            assert file.readline() == f"a{mark}b{mark}c\n"
        got = np.loadtxt(path, delimiter=mark, skiprows=1)
    np.testing.assert_array_equal(got, expected)
    assert sorted(os.listdir()) == sorted(["x.npy", path])


def test_the_input_may_be_the_output(folder):
    np.save("x.npy", LOGITS)
    ok("softmax", "x.npy", "-o", "x.npy")
    np.testing.assert_array_equal(np.load("x.npy"), logitkit.softmax(LOGITS))


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv", "json"])
def test_a_full_disk_leaves_what_was_there(folder, monkeypatch, suffix):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    path = folder / f"out.{suffix}"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    result = invoke("softmax", "1", "2", "-o", path)
    assert result.exit_code == 3
    assert result.stderr == f"Error: cannot write {path}: No space left on device\n"
    assert os.listdir(folder) == [path.name] and path.read_text() == "old"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Return a file whose probabilities take seconds to write as text."""
    path = tmp_path_factory.mktemp("large") / "x.npy"
    np.save(path, np.zeros((400_000, 10), dtype=np.float32))
    return path


@pytest.mark.parametrize(
    ("number", "code", "litter"),
    [
        (signal.SIGINT, 130, False),
        (signal.SIGTERM, 143, False),
        (signal.SIGKILL, -9, True),
    ],
)
def test_killed_while_writing(folder, large, number, code, litter):
    (folder / "out.csv").write_text("old")
    process = subprocess.Popen(
        [*COMMAND, "softmax", str(large), "-o", "out.csv"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        # A shell lets what it starts in the background ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 60
    while not any(p.stat().st_size for p in folder.glob(".out.csv.*.part")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert error.strip() in ("", "Error: interrupted")
    assert (folder / "out.csv").read_text() == "old"
    assert (len(os.listdir(folder)) > 1) == litter


def test_the_reader_may_leave(folder, large):
    """`| head -1` ends the command with 141, silently."""
    process = subprocess.Popen(
        [*COMMAND, "softmax", str(large)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout.readline() == b"\t".join([b"0.1"] * 10) + b"\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


@pytest.mark.parametrize("args", [["softmax", "1", "2"], ["--help"], ["info", "--json"]])
def test_a_reader_that_never_came(args):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *args], stdout=write, stderr=subprocess.PIPE, env=environment(), timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_standard_output():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "softmax", "1"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            timeout=60,
        )
    assert done.returncode == 3
    assert done.stderr == "Error: standard output: No space left on device\n"


def test_blocks_of_a_long_computation_change_no_bit(monkeypatch):
    from logitkit.cli import transform

    x = np.random.default_rng(7).normal(size=(37, 4, 5))
    for axis in (-1, 1, (1, 2), -3, 0, None, (0, 2)):
        whole = transform.apply(logitkit.softmax, x, axis=axis, temperature=2.0)
        np.testing.assert_array_equal(whole, logitkit.softmax(x, axis=axis, temperature=2.0))
        with monkeypatch.context() as patch:
            patch.setattr(transform, "LONG", 1)
            patch.setattr(transform, "BLOCK", 100)
            parts = transform.apply(logitkit.softmax, x, axis=axis, temperature=2.0)
        np.testing.assert_array_equal(parts, whole)


def test_threads_are_those_asked_for_and_change_no_bit(folder, monkeypatch):
    np.save("x.npy", np.random.default_rng(1).normal(size=(2000, 50)))
    before, used, softmax = logitkit.get_num_threads(), [], logitkit.softmax

    def watched(*args, **kwargs):
        used.append(logitkit.get_num_threads())
        return softmax(*args, **kwargs)

    monkeypatch.setattr(logitkit, "softmax", watched)
    assert len({ok("softmax", "x.npy", "--threads", n) for n in (1, 2, 3)}) == 1
    assert used == [1, 2, 3] and logitkit.get_num_threads() == before


def test_an_unexpected_error_is_one_sentence(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("surprise")

    monkeypatch.setattr(cli_output, "progress", broken)
    monkeypatch.delenv("LOGITKIT_DEBUG", raising=False)
    result = invoke("softmax", "1")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: internal error, please report it: RuntimeError: surpr")
    monkeypatch.setenv("LOGITKIT_DEBUG", "1")
    assert isinstance(invoke("softmax", "1").exception, RuntimeError)


def test_a_missing_package_names_the_pip_command(monkeypatch):
    def missing(*_, **__):
        raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow.parquet")

    monkeypatch.setattr(cli_output, "progress", missing)
    result = invoke("softmax", "1")
    assert result.exit_code == 4
    assert result.stderr == "Error: this command needs pyarrow: pip install pyarrow\n"

    def told(*_, **__):
        raise ImportError('plots need matplotlib: pip install "logitkit[plot]"')

    monkeypatch.setattr(cli_output, "progress", told)
    result = invoke("softmax", "1")
    assert result.exit_code == 4
    assert result.stderr == 'Error: plots need matplotlib: pip install "logitkit[plot]"\n'


def test_a_pipe_has_no_control_characters():
    for args in (["softmax", "1", "2"], ["explain", "1", "2"], ["info"], ["--help"]):
        done = pipe(*args)
        assert done.returncode == 0 and done.stderr == ""
        assert not set(done.stdout) & set("\r\x1b\b")
