"""Which instruction set runs: the best by default, the one that LOGITKIT_ISA names, or an error."""

import os
import subprocess
import sys

import pytest

import logitkit as lk
from logitkit import _core

TELL = "import logitkit as lk; print(lk.cpu_info()['isa'], lk.softmax([0.0, 0.0]).tolist())"


def python(isa):
    """Ask a fresh interpreter, with LOGITKIT_ISA set (None: not set)."""
    environment = {k: v for k, v in os.environ.items() if k != "LOGITKIT_ISA"}
    if isa is not None:
        environment["LOGITKIT_ISA"] = isa
    command = [sys.executable, "-c", TELL]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_generic_one_is_always_there_and_comes_last():
    assert _core.available_isas()[-1] == "generic"
    assert len(set(_core.available_isas())) == len(_core.available_isas())
    assert set(_core.available_isas()) <= {"avx512", "avx2", "neon", "generic"}


@pytest.mark.parametrize("unset", [None, ""])
def test_the_best_one_is_the_default(unset):
    assert python(unset).stdout == f"{_core.available_isas()[0]} [0.5, 0.5]\n"


@pytest.mark.parametrize("name", _core.available_isas())
def test_the_environment_forces_one(name):
    assert python(name).stdout == f"{name} [0.5, 0.5]\n"


@pytest.mark.parametrize(
    "name",
    ["sse9", "AVX2", "avx2 ", "best", "neon" if "neon" not in _core.available_isas() else "avx2"],
)
def test_an_unknown_or_missing_one_is_refused_with_the_list(name):
    done = python(name)
    assert done.returncode != 0
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: LOGITKIT_ISA: ")
    assert f"'{name}'" in last
    assert last.endswith(" ".join(_core.available_isas()))


def test_selecting_an_unknown_one_changes_nothing():
    before = _core.isa()
    with pytest.raises(ValueError, match=r"'sse9' is unknown or not supported .*generic"):
        _core.select_isa("sse9")
    assert _core.isa() == before


def test_the_configuration_tells_it(isa, capsys):
    assert lk.cpu_info()["isa"] == isa
    assert lk.show_config(mode="dicts")["cpu"]["isa"] == isa
    assert lk.show_config() is None
    assert f"isa: {isa}\n" in capsys.readouterr().out


def test_the_configuration_is_whole():
    config = lk.show_config(mode="dicts")
    assert config["threads"] == lk.get_num_threads()
    assert config["versions"]["logitkit"] == lk.__version__
    assert {"python", "numpy"} <= set(config["versions"])
    info = lk.cpu_info()
    assert info["available"] == _core.available_isas()
    assert 1 <= info["cpus"] <= os.cpu_count()
    assert set(info["caches"]) == {"L1", "L2", "L3"}
    assert all(size >= 0 for size in info["caches"].values())
    with pytest.raises(ValueError, match=r"^mode is 'json'; accepted are 'stdout' and 'dicts'$"):
        lk.show_config(mode="json")
