"""The core under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer.

Whole requests on every instruction set of this machine, eight callers at once, and calls of the
binding with arguments that no public function makes. A sanitizer that sees nothing proves nothing
by itself: each has a mistake that it must see.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nanobind
import pytest

from logitkit import _core
from tools import core_build
from tools.core_build import Unit

# Compiling the kernels, for every dtype and mask, takes minutes.
pytestmark = pytest.mark.timeout(1500)

ROOT = Path(__file__).resolve().parent.parent

MACHINE = "aarch64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
SETS = _core.available_isas()
# -Og: the generic kernels compile in 6 seconds of a CPU, with -O1 in 21.
MEMORY = ["-Og", "-g1", "-fPIC", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
THREADS = ["-Og", "-g1", "-fsanitize=thread"]
CALLS = 4000


def compiler():
    """Return gcc where it is: its sanitizers can be loaded into an interpreter."""
    return ["g++"] if shutil.which("g++") else core_build.native_compiler()


def run(command, **environment):
    return subprocess.run(
        [str(part) for part in command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def watched_core(tmp_path_factory):
    """The objects of the core, compiled for the memory sanitizers."""
    directory = tmp_path_factory.mktemp("memory")
    return core_build.compile_units(compiler(), core_build.core(MACHINE, SETS), directory, MEMORY)


@pytest.fixture(scope="module")
def requests(watched_core, tmp_path_factory):
    """The program that makes whole requests; itself not watched, which would cost the most time."""
    directory = tmp_path_factory.mktemp("requests")
    unit = Unit("requests", "tests/core/requests.cpp", ("-O1", "-DKERNELS_ARE_WATCHED"))
    objects = [*watched_core, *core_build.compile_units(compiler(), [unit], directory)]
    return core_build.link(compiler(), objects, directory / "requests", MEMORY)


@pytest.fixture(scope="module")
def callers(tmp_path_factory):
    """The program of eight callers, on the best instruction set."""
    directory = tmp_path_factory.mktemp("threads")
    units = [*core_build.core(MACHINE, SETS[:1]), Unit("callers", "tests/core/callers.cpp")]
    objects = core_build.compile_units(compiler(), units, directory, THREADS)
    return core_build.link(compiler(), objects, directory / "callers", THREADS)


@pytest.fixture(scope="module")
def extension(watched_core, tmp_path_factory):
    """The extension, the binding and the core watched, nanobind not."""
    directory = tmp_path_factory.mktemp("extension")
    source = Path(nanobind.source_dir())
    python = (
        f"-I{nanobind.include_dir()}",
        f"-I{sysconfig.get_paths()['include']}",
        f"-I{source.parent / 'ext' / 'robin_map' / 'include'}",
        *("-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing", "-w"),
    )
    units = [
        *(Unit(Path(one).stem, one, (*python, *MEMORY)) for one in core_build.extension()),
        Unit("nanobind", str(source / "nb_combined.cpp"), (*python, "-O1", "-DNDEBUG")),
    ]
    objects = [*watched_core, *core_build.compile_units(compiler(), units, directory)]
    return core_build.link(compiler(), objects, directory / "_core.so", ["-shared", *MEMORY])


# ---- memory and arithmetic --------------------------------------------------------------------


def test_whole_requests_touch_nothing_but_their_own_and_give_the_bits_of_a_row_alone(requests):
    done = run([requests])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[:4000]
    assert done.stdout.endswith("all laws hold\n")
    assert re.findall(r"^run: (\w+)$", done.stdout, re.MULTILINE) == SETS
    chapters = re.findall(r"^(\w+): (\d+) outputs right$", done.stdout, re.MULTILINE)
    assert [name for name, _ in chapters] == [
        "short",
        "long",
        "side_by_side",
        "alignments",
        "empty",
    ]
    assert min(int(count) for _, count in chapters) > 500


@pytest.mark.parametrize(
    ("mistake", "report"),
    [("overrun", "AddressSanitizer: use-after-poison"), ("overflow", "signed integer overflow")],
)
def test_a_planted_mistake_is_seen(requests, mistake, report):
    done = run([requests, "--plant", mistake])
    assert done.returncode != 0
    assert report in done.stderr


def test_hostile_calls_of_the_binding_are_done_or_refused(extension):
    # The C++ library goes first too: the sanitizer looks for its exceptions when it is loaded.
    first = ["libasan.so", "libstdc++.so.6"]
    found = [run([*compiler(), f"-print-file-name={name}"]).stdout.strip() for name in first]
    done = run(
        [sys.executable, ROOT / "tests" / "hostile_calls.py", extension, CALLS],
        LD_PRELOAD=" ".join(found),
        ASAN_OPTIONS="detect_leaks=0",  # Python keeps what it has
        PYTHONMALLOC="malloc",
        OPENBLAS_NUM_THREADS="1",
    )
    assert done.returncode == 0, done.stdout + done.stderr[:4000]
    ends = {name: int(n) for name, n in re.findall(r"^(.+): (\d+)$", done.stdout, re.MULTILINE)}
    assert sum(ends.values()) == CALLS
    refused = {"TypeError", "ValueError", "BufferError"}
    assert {"done", "declined", *refused} <= set(ends)
    assert {"sampling TypeError", "sampling ValueError"} <= set(ends)
    assert ends["sampling done"] > CALLS / 50
    assert {"loss TypeError", "loss ValueError", "loss plain done", "loss declined"} <= set(ends)
    assert ends["done"] > CALLS / 4 and ends["loss done"] > CALLS / 20


# ---- threads ----------------------------------------------------------------------------------


def watch(*command):
    """Run under ThreadSanitizer, which needs the addresses where it expects them."""
    fixed = ["setarch", platform.machine(), "-R"] if shutil.which("setarch") else []
    done = run([*fixed, *command], TSAN_OPTIONS="halt_on_error=1")
    # A container may forbid to fix the addresses, and may not need it.
    return (
        run(command, TSAN_OPTIONS="halt_on_error=1")
        if "failed to set pers" in done.stderr
        else done
    )


def test_eight_callers_share_the_pool_without_a_race(callers):
    done = watch(callers)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr[:4000]
    assert done.stdout == "192 calls\n"


def test_a_planted_race_is_seen(callers):
    done = watch(callers, "--plant", "race")
    assert done.returncode != 0
    assert "ThreadSanitizer: data race" in done.stderr
