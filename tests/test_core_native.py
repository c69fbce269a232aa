"""The C++ core by itself: each instruction set gives the generic one's bits.

On every machine: NEON is emulated by qemu, AVX-512 by the header in tests/core/emulated, the
latter also where the processor has AVX-512, so that header and processor are compared.

Compiles tests/core with the flags that CMakeLists.txt gives to the kernels, so that what is tested
is what is shipped, and reads what the program says: one line a law, and a hash of all outputs.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
ON_ARM = platform.machine() in {"aarch64", "arm64"}
ARM_SETS = ["generic", "neon"]
EMULATED = "avx512_emulated"
NATIVE_SETS = [*(ARM_SETS if ON_ARM else ["generic", "avx2", "avx512"]), EMULATED]
PACKAGES = "the Debian packages g++-aarch64-linux-gnu and qemu-user"


def shared_flags():
    """Return the flags of every unit of the core."""
    options = re.search(r"target_compile_options\(\s*core PRIVATE ([^)]*)\)", CMAKE)
    return ["-std=c++20", *options[1].split()]


def own_flags(name):
    """Return the flags that one instruction set has beyond those."""
    found = re.search(rf"add_isa\({name}\b([^)]*)\)", CMAKE)
    return found[1].split() if found else []


def run(command):
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )


def build(compiler, sets, directory, *link_flags):
    """Compile the kernels and the lanes of each set with its own flags; return the program."""
    common = [*compiler, *shared_flags(), "-Isrc/core", "-Itests/core"]
    objects, commands = [], []
    for name in sets:
        header = name.removesuffix("_emulated")
        emulated = name != header
        lanes = [
            f"-DLOGITKIT_ISA=isa_{name}",
            f'-DLANE_HEADER="vec/{header}.hpp"',
            f"-DLANE_TEST=lanes_{name}",
        ]
        # gcc 12 takes the undefined operand in its own headers for a mistake of the test.
        lanes += ["-Wno-uninitialized", "tests/core/lanes.cpp"]
        kernels = f"tests/core/emulated/{header}.cpp" if emulated else f"src/core/isa/{name}.cpp"
        flags = ["-Itests/core/emulated"] if emulated else own_flags(name)
        for kind, source in [("kernels", [kernels]), ("lanes", lanes)]:
            objects.append(directory / f"{kind}_{name}.o")
            commands.append([*common, *flags, *source, "-c", "-o", objects[-1]])
    main = [*(["-DEMULATED_AVX512"] if EMULATED in sets else []), "tests/core/lanes_and_bits.cpp"]
    objects.append(directory / "main.o")
    commands.append([*common, *main, "-c", "-o", objects[-1]])
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(run, commands):
            assert done.returncode == 0, done.stderr
    program = directory / "lanes_and_bits"
    linked = run([*compiler, *link_flags, *objects, "-o", program])
    assert linked.returncode == 0, linked.stderr
    return program


def hashes(report, kind):
    return dict(re.findall(rf"^hash of {kind}: (\w+) ([0-9a-f]{{16}})$", report, re.MULTILINE))


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """What the program says of this machine's instruction sets."""
    named = shlex.split(os.environ.get("CXX", ""))
    compiler = named or [next(name for name in ("c++", "g++", "clang++") if shutil.which(name))]
    return run([build(compiler, NATIVE_SETS, tmp_path_factory.mktemp("native"))])


@pytest.fixture(scope="module")
def arm(native, tmp_path_factory):
    """What the program says of NEON: on this machine, or emulated on a sample of the cases."""
    if ON_ARM:
        return native
    compiler = shutil.which("aarch64-linux-gnu-g++")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if compiler is None or emulator is None:
        missing = "aarch64-linux-gnu-g++" if compiler is None else "qemu-aarch64"
        pytest.fail(
            f"NEON cannot be tested: there is no {missing}; install {PACKAGES}.", pytrace=False
        )
    program = build([compiler], ARM_SETS, tmp_path_factory.mktemp("arm"), "-static")
    return run([emulator, program, "--sample"])


def test_flags_are_those_of_the_build():
    assert {"-O3", "-ffp-contract=off"} <= set(shared_flags())
    assert "-mfma" in own_flags("avx2")
    assert "-mavx512f" in own_flags("avx512")


@pytest.mark.parametrize("machine", ["native", "arm"])
def test_every_law_holds(machine, request):
    done = request.getfixturevalue(machine)
    assert done.returncode == 0, "\n".join(re.findall("^BROKEN.*", done.stdout, re.MULTILINE))
    assert done.stdout.endswith("all laws hold\n")


@pytest.mark.parametrize("machine", ["native", "arm"])
def test_no_set_is_left_out(machine, request):
    report = request.getfixturevalue(machine).stdout
    sets = NATIVE_SETS if machine == "native" or ON_ARM else ARM_SETS
    lacking = re.findall(r"^not run: (\w+), which this processor lacks$", report, re.MULTILINE)
    assert {*hashes(report, "sample"), *lacking} == set(sets)
    assert not {"generic", "neon", EMULATED} & set(lacking)
    for name in hashes(report, "sample"):
        laws = rf"^{name} kernels: (\w+ float\d\d): (\d+) outputs equal$"
        outputs = {law: int(count) for law, count in re.findall(laws, report, re.MULTILINE)}
        assert len(outputs) == 22
        assert min(outputs.values()) > 1000
        primitives = re.findall(rf"^{name} lanes: .* values equal$", report, re.MULTILINE)
        assert len(primitives) == (0 if name == "generic" else 37)


def test_bits_are_equal_on_every_machine(native, arm):
    assert len(set(hashes(native.stdout, "all").values())) == 1
    found = {*hashes(native.stdout, "sample").values(), *hashes(arm.stdout, "sample").values()}
    assert len(found) == 1
