"""Print the largest errors that `tolerances.py` records, and the inputs that gave them.

python tests/measure_tolerances.py
"""

import inputs
import numpy as np
from oracles import Exact
from tolerances import errors

import logitkit as lk
from logitkit import _core

OPS = {"softmax": _core.SOFTMAX, "log_softmax": _core.LOG_SOFTMAX, "logsumexp": _core.LOGSUMEXP}


def results(function, x, temperature, precision):
    """Yield what each instruction set, and each regime of a float32 row, gives."""
    exact = {"precision": precision} if function.endswith("softmax") else {}
    for isa in _core.available_isas():
        _core.select_isa(isa)
        yield isa, getattr(lk, function)(x, temperature=temperature, **exact)
    if x.dtype == np.float32 and precision == "default" and function in OPS:
        out = np.empty(x.shape if function != "logsumexp" else (*x.shape[:-1], 1), x.dtype)
        for regime in (0, 1):
            _core.apply(OPS[function], x, out, 1 << (x.ndim - 1), temperature, regime=regime)
            yield f"regime {regime}", out if function != "logsumexp" else out[..., 0]


def place_of(function, true, x):
    """Return where an ULP is taken, if not at the result."""
    if function == "logsumexp" and x.dtype == np.float64:
        return np.maximum(np.abs(true.anchor), true.log_sum)
    return None


def main():
    """Measure every row of the table whose truth `oracles.Exact` knows."""
    isa = _core.isa()
    for dtype in inputs.FLOATS:
        for function in ("softmax", "log_softmax", "logsumexp", "entropy"):
            for precision in ("default", "exact")[: 1 + function.endswith("softmax")]:
                worst = (-1.0, "", "")
                for name, (x, temperature) in inputs.accuracy_inputs(dtype).items():
                    true = Exact(x, temperature)
                    at = place_of(function, true, x)
                    for how, got in results(function, x, temperature, precision):
                        error = errors(got, getattr(true, function), at).max()
                        worst = max(worst, (float(error), name, how))
                ulp, name, how = worst
                print(f"{function:12} {dtype.name:9} {precision:8} {ulp:8.4f}  {name} ({how})")
    _core.select_isa(isa)


if __name__ == "__main__":
    main()
