"""The expected values of the table, by the oracle of longdoubles: rows along any axes."""

import numpy as np
from oracles import LD, Exact

MAPS = ("softmax", "log_softmax")


def truth(function, x, axis=-1, temperature=1.0, mask=None):
    """Return the true values for scores that are finite or -inf, one of them finite in each row.

    A score that is masked or -inf has no part in its row: it is 0, its logarithm -inf.
    """
    x = np.asarray(x)
    values = x.astype(LD)
    axes = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    axes = sorted({a % x.ndim for a in axes})
    kept = [a for a in range(x.ndim) if a not in axes]
    part = values > -np.inf
    if mask is not None:
        part = part & np.asarray(mask)
    none = {"softmax": 0, "log_softmax": -np.inf}
    result = np.full(x.shape if function in MAPS else [x.shape[a] for a in kept], np.nan, LD)
    for row in np.ndindex(*(x.shape[a] for a in kept)):
        at = [slice(None)] * x.ndim
        for a, i in zip(kept, row, strict=True):
            at[a] = i
        at = tuple(at)
        here = part[at]
        t = float(np.broadcast_to(temperature, [x.shape[a] for a in kept])[row])
        true = getattr(Exact(values[at][here], t), function)
        if function in MAPS:
            whole = np.full(here.shape, none[function], LD)
            whole[here] = true
            result[at] = whole
        else:
            result[row] = true
    return result
