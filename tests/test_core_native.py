"""The C++ core by itself: each instruction set gives the generic one's bits.

On every machine: NEON is emulated by qemu, AVX-512 by the header in tests/core/emulated, the
latter also where the processor has AVX-512, so that header and processor are compared.

Compiles tests/core with the flags that CMakeLists.txt gives to the kernels, so that what is tested
is what is shipped, and reads what the program says: one line a law, and a hash of all outputs.
"""

import platform
import re
import shutil

import pytest

from tools import core_build
from tools.core_build import Unit, own_flags, run, shared_flags

# Compiling the kernels, for every dtype and mask, takes minutes.
pytestmark = pytest.mark.timeout(1500)

ON_ARM = platform.machine() in {"aarch64", "arm64"}
MACHINE = "aarch64" if ON_ARM else "x86_64"
ARM_SETS = list(core_build.SETS["aarch64"])
EMULATED = "avx512_emulated"
NATIVE_SETS = [*core_build.SETS[MACHINE], EMULATED]
# Optimised it compiles for two minutes, to run a few seconds less.
EMULATION = ("-Itests/core/emulated", "-O1")
PACKAGES = "the Debian packages g++-aarch64-linux-gnu and qemu-user"


def lanes(name):
    """Return the unit that shows the lanes of one instruction set at work."""
    header = name.removesuffix("_emulated")
    flags = [
        *(own_flags(name) if header == name else EMULATION),
        f"-DLOGITKIT_ISA=isa_{name}",
        f'-DLANE_HEADER="vec/{header}.hpp"',
        f"-DLANE_TEST=lanes_{name}",
        # gcc 12 takes the undefined operand in its own headers for a mistake of the test.
        "-Wno-uninitialized",
    ]
    return Unit(f"lanes_{name}", "tests/core/lanes.cpp", tuple(flags))


def build(compiler, machine, directory, *link_flags, emulated=False):
    """Compile core and lanes of each set with its own flags; return the two programs.

    Emulated: the first program runs AVX-512 too, its instructions in plain C++.
    """
    sets = core_build.SETS[machine]
    core = core_build.compile_units(compiler, core_build.core(machine, sets), directory)
    kernels = [path for path in core if path.name.startswith("kernels_")]
    lane_units, flags = [*map(lanes, sets)], ()
    if emulated:
        source = "tests/core/emulated/avx512.cpp"
        lane_units += [lanes(EMULATED), Unit(f"kernels_{EMULATED}", source, EMULATION)]
        flags = ("-DEMULATED_AVX512",)
    programs = []
    for name, units, objects in [("lanes_and_bits", lane_units, kernels), ("requests", [], core)]:
        units.append(Unit(name, f"tests/core/{name}.cpp", flags))
        objects = [*objects, *core_build.compile_units(compiler, units, directory)]
        programs.append(core_build.link(compiler, objects, directory / name, link_flags))
    return programs


def hashes(report, kind):
    return dict(re.findall(rf"^hash of {kind}: (\w+) ([0-9a-f]{{16}})$", report, re.MULTILINE))


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """What the program says of this machine's instruction sets."""
    directory = tmp_path_factory.mktemp("native")
    program, _ = build(core_build.native_compiler(), MACHINE, directory, emulated=True)
    return run([program])


@pytest.fixture(scope="module")
def arm_programs(tmp_path_factory):
    """The commands that run both programs with NEON: here, or under an emulator."""
    directory = tmp_path_factory.mktemp("arm")
    if ON_ARM:
        return [[program] for program in build(core_build.native_compiler(), MACHINE, directory)]
    compiler = shutil.which("aarch64-linux-gnu-g++")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if compiler is None or emulator is None:
        missing = "aarch64-linux-gnu-g++" if compiler is None else "qemu-aarch64"
        pytest.fail(
            f"NEON cannot be tested: there is no {missing}; install {PACKAGES}.", pytrace=False
        )
    programs = build([compiler], "aarch64", directory, "-static")
    return [[emulator, program] for program in programs]


@pytest.fixture(scope="module")
def arm(arm_programs):
    """What the program says of NEON, on a sample of the cases where that is emulated."""
    return run([*arm_programs[0], *([] if ON_ARM else ["--sample"])])


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
        laws = rf"^{name} kernels: (\w+ b?float\d\d(?: masked)?): (\d+) outputs equal$"
        outputs = {law: int(count) for law, count in re.findall(laws, report, re.MULTILINE)}
        # 14 operations, 11 of them with a mask too.
        assert len(outputs) == 4 * (14 + 11)
        assert min(outputs.values()) > 1000
        primitives = re.findall(rf"^{name} lanes: .* values equal$", report, re.MULTILINE)
        assert len(primitives) == (0 if name == "generic" else 79)


def test_bits_are_equal_on_every_machine(native, arm):
    assert len(set(hashes(native.stdout, "all").values())) == 1
    found = {*hashes(native.stdout, "sample").values(), *hashes(arm.stdout, "sample").values()}
    assert len(found) == 1


def test_whole_requests_with_neon_give_the_bits_of_a_row_alone(arm_programs):
    done = run([*arm_programs[1], "--sample"])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert re.findall(r"^run: (\w+)$", done.stdout, re.MULTILINE) == ["neon", "generic"]
    assert done.stdout.endswith("all laws hold\n")
