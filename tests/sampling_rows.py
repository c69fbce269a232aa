"""What the tests of filters and draws share: rows of every kind, and what is expected of them."""

import ml_dtypes
import numpy as np

from logitkit import reference as ref

ORDERS = (
    "hf",
    "llama.cpp",
    ("min_p", "top_p", "temperature", "top_k"),
    ("temperature", "min_p", "top_p", "top_k"),
)
TEMPERATURES = (1.0, 0.7, 0.0, 1e-30, np.inf)
# Around a vector, what is searched at once, and a block; and many blocks.
LENGTHS = (1, 2, 16, 17, 511, 512, 513, 600, 4095, 4096, 4097, 5000)


def rows(length, seed=0):
    """Return rows by name: ordinary ones, and each way to mislead a search without sorting."""
    rng = np.random.default_rng([seed, length])
    normal = rng.normal(size=length)
    peak, holes, between = 0.5 * normal, 3 * normal, 0.1 * normal - 8
    peak[rng.integers(length)] = 40
    holes[rng.random(length) < 0.4] = -np.inf
    holes[rng.integers(length)] = 0
    between[7 :: max(1, length // 256)] += 10  # a sample sees its beginnings alone
    return {
        "normal": 3 * normal,
        "ties": np.round(4 * normal) / 2,
        "all equal": np.full(length, 0.3),
        "two values": rng.integers(0, 2, length) * 1.0,
        "one far above": peak,
        "beside the sample": between,
        "holes": holes,
        "an ULP apart": 1 + 2.0**-52 * rng.integers(0, 50, length),
        "largest finite": 1.79e308 * rng.uniform(-1, 1, length),
        "denormal": 5e-324 * rng.integers(-99, 99, length),
        "all magnitudes": normal * 10.0 ** rng.integers(-8, 4, length),
    }


def long_rows():
    """Return float32 rows by name, of as many classes as a vocabulary has."""
    rng = np.random.default_rng(73)
    normal = rng.normal(size=40_000)
    peaks = np.where(rng.random(40_000) < 1e-3, rng.uniform(4, 9, 40_000), normal)
    return {
        name: row.astype(np.float32)
        for name, row in {
            "normal": 2 * normal,
            "flat": 0.1 * normal + 1000,
            "peaks": 2 * peaks,
            "ascending": np.sort(2 * normal),
            "ties": np.round(8 * normal) / 4,
            "holes": np.where(rng.random(40_000) < 0.3, -np.inf, 2 * normal),
        }.items()
    }


def misleading_rows():
    """Return float32 rows by name, whose elements at equal distances tell nothing of the others."""
    length, runs = 4096, 64
    starts = (length - 16) * (2 * np.arange(runs) + 1) // (2 * runs)
    seen = (starts[:25, np.newaxis] + np.arange(16)).ravel()
    others = np.setdiff1d(np.arange(length), seen)
    slope = 1 - np.arange(len(others)) / 1e4
    rows = {}
    for name, at_seen, at_others in (
        ("many ties are seen", 5, slope),
        ("no tie is seen", 1 - np.arange(len(seen)) / 1e4, np.where(slope > 0.9, 5, slope)),
        ("the largest are seen", 5 + np.arange(len(seen)) / 1e3, slope),
        ("the largest are not seen", 0, 5 + slope),
    ):
        row = np.empty(length, np.float32)
        row[seen], row[others] = at_seen, at_others
        rows[name] = row
    return rows


def in_dtype(row, dtype):
    """Round a row to a dtype; what is too large becomes its largest finite value."""
    most = float(ml_dtypes.finfo(dtype).max)
    return np.where(np.isinf(row), row, np.clip(row, -most, most)).astype(dtype)


def choices(rng, length):
    """Return filters that are drawn by chance, each of them used in most calls."""
    options = {"temperature": float(rng.choice(TEMPERATURES))}
    options["order"] = ORDERS[rng.integers(len(ORDERS))]
    if rng.random() < 0.6:
        options["top_k"] = int(rng.choice([1, 2, 5, 40, length // 2 + 1, length, length + 3]))
    if rng.random() < 0.7:
        options["top_p"] = float(rng.choice([0, 1e-10, 0.1, 0.5, 0.9, 0.99, 1 - 2.0**-53]))
    if rng.random() < 0.4:
        options["min_p"] = float(rng.choice([1e-9, 0.01, 0.3, 1.0]))
    return options


def filtered(row, **options):
    """Return what the reference keeps of a row, with the values in the row's own dtype."""
    t = options.get("temperature", 1.0)
    x = row.astype(np.float64)
    kept = ref.filter_logits(x, **options) > -np.inf
    with np.errstate(all="ignore"):
        if t == 0:
            values = np.zeros_like(x)
        else:
            fits = np.isfinite(np.float64(x.max() / t).astype(row.dtype).astype(np.float64))
            values = (x if fits else x - x.max()) / t
        return np.where(kept, values, -np.inf).astype(row.dtype)
