"""Calls of the core below the public functions: a regime forced, a row at any address."""

import mmap

import numpy as np

from logitkit import _core

REGIMES = (0, 1, 2, 3)  # as kernels.hpp has them: automatic, again, streamed, windowed
MAPS = {"softmax": _core.SOFTMAX, "log_softmax": _core.LOG_SOFTMAX}
REDUCTIONS = {"logsumexp": _core.LOGSUMEXP, "entropy": _core.ENTROPY}


def apply(function, x, temperature=1.0, **options):
    """Run one operation along the last axis of a contiguous array."""
    if function in MAPS:
        out = np.empty_like(x)
        _core.apply(MAPS[function], x, out, 1 << (x.ndim - 1), temperature, **options)
        return out
    out = np.empty((*x.shape[:-1], 1), x.dtype)
    _core.apply(REDUCTIONS[function], x, out, 1 << (x.ndim - 1), temperature, **options)
    return out[..., 0]


def at_offset(x, offset):
    """Return a contiguous copy whose first byte lies `offset` bytes behind a page boundary."""
    memory = np.frombuffer(mmap.mmap(-1, x.nbytes + offset + 64), np.uint8)
    copy = memory[offset : offset + x.nbytes].view(x.dtype).reshape(x.shape)
    copy[...] = x
    return copy


def same_bits(a, b):
    """Whether two results are equal bit for bit; NaN is NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    kind = np.dtype(f"u{a.itemsize}")
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    return bool(np.all((a.view(kind) == b.view(kind)) | (np.isnan(wide_a) & np.isnan(wide_b))))
