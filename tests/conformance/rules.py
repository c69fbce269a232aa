"""The rules of the contract by name; what they say stands in docs/contract.md."""

RULES = [
    # Which elements make a row, and what comes back.
    "default-axis",
    "axis",
    "keepdims",
    "result-dtype",
    "dtype",
    "integers",
    "half-floats",
    "refused-dtypes",
    "length-0",
    "scalar",
    # Rows that are special.
    "empty-row",
    "empty",
    "nan",
    "plus-inf",
    "logsumexp-limits",
    # The mask.
    "mask",
    "masked-slot",
    "masked-array",
    "fully-masked",
    # The temperature.
    "temperature",
    "temperature-0",
    "temperature-infinity",
    "no-overflow",
    "temperature-refused",
    # Memory and errors.
    "out",
    "out-refused",
    "input",
    "layout",
    "precision",
    "exceptions",
    # The derivative and the activations.
    "gradient",
    "zero-gradient",
    "activations",
    # Guarantees that one call, or two, can show.
    "bits",
    "log-at-most-0",
    "sum-1",
    "shift",
    "permutation",
    # Losses.
    "target-out-of-range",
    "impossible-target",
    "all-ignored",
    "composition",
    "reduction",
    # Filters and draws.
    "filter-order",
    "top-p",
    "top-k",
    "min-p",
    "draws",
    "bad-rows",
]
