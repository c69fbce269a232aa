"""The floating-point modes of the host program: they disturb no result, and stay as they were.

`test_bits.py` has the law for one hostile mode and every operation; here is each mode by itself,
traps included, in processes of their own, for a trap ends the process where it is not put aside.
"""

import platform

import pytest
from test_pool import holds

PREPARE = """
libm = ctypes.CDLL("libm.so.6")
FUNCTIONS = (_core.SOFTMAX, _core.LOG_SOFTMAX, _core.LOGSUMEXP, _core.ENTROPY)
# Overflowing, vanishing and subnormal results, NaN and infinities: what raises every exception.
rows = [np.linspace(-110, 0, 5000), np.linspace(-3e38, 3e38, 5000), np.full(5000, -np.inf)]
rows += [np.where(np.arange(5000) == 7, bad, rows[0]) for bad in (np.nan, np.inf, -np.inf)]
hard = np.array(rows * 12).astype(np.float32)
def compute(dtype):
    # Straight to the core: NumPy and Python are not built for these modes.
    x, results = inputs[dtype], outputs[dtype]
    for op, out in zip(FUNCTIONS, results):
        _core.apply(op, x, out, 2, 0.7)
inputs = {dtype: hard.astype(dtype) for dtype in (np.float32, np.float64)}
outputs = {
    dtype: [np.empty((len(hard), n), dtype) for n in (5000, 5000, 1, 1)] for dtype in inputs
}
def all_bits():
    return [out.tobytes() for results in outputs.values() for out in results]
def clear():
    for results in outputs.values():
        for out in results:
            out[...] = 7
lk.set_num_threads(1)
for dtype in inputs:
    compute(dtype)
right_bits = all_bits()
clear()
lk.set_num_threads(4)  # the workers start under the host's modes
"""

ROUNDING = """
modes = {modes}
nearest = libm.fegetround()
for mode in modes:
    assert libm.fesetround(mode) == 0
    for dtype in inputs:
        compute(dtype)
    after = libm.fegetround()
    libm.fesetround(nearest)
    assert after == mode
    assert all_bits() == right_bits
    clear()
# Workers that were started in such a mode serve a caller that has none.
for dtype in inputs:
    compute(dtype)
assert all_bits() == right_bits and right()
print("holds")
"""

TRAPS = """
FE_INVALID, FE_DIVBYZERO, FE_OVERFLOW, FE_UNDERFLOW = {flags}
wanted = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW
# A processor without traps says -1 and keeps none.
possible = libm.feenableexcept(wanted) != -1
for _ in range(3):
    for dtype in inputs:
        compute(dtype)
after = libm.fegetexcept()
libm.fedisableexcept(wanted)
assert after == (wanted if possible else 0)
assert all_bits() == right_bits
clear()
for dtype in inputs:
    compute(dtype)
assert all_bits() == right_bits and right()
print("holds")
"""

ON_ARM = platform.machine() in {"aarch64", "arm64"}
ROUNDINGS = [0x400000, 0x800000, 0xC00000] if ON_ARM else [0x400, 0x800, 0xC00]
FLAGS = (1, 2, 4, 8) if ON_ARM else (1, 4, 8, 16)


@pytest.mark.parametrize("mode", ROUNDINGS, ids=hex)
def test_a_rounding_mode_disturbs_no_result_and_is_kept(mode):
    holds(PREPARE + ROUNDING.replace("{modes}", repr([mode])))


def test_trapped_exceptions_end_no_call_and_are_kept():
    holds(PREPARE + TRAPS.replace("{flags}", repr(FLAGS)))
