"""The rules of the contract by name, with a function that each is about.

A rule whose function is not there yet waits: it needs cases from the day on which `logitkit` has
the function. What the rules say stands in docs/contract.md.
"""

RULES = {
    # Which elements make a row, and what comes back.
    "default-axis": "softmax",
    "axis": "softmax",
    "keepdims": "logsumexp",
    "result-dtype": "softmax",
    "dtype": "softmax",
    "integers": "softmax",
    "half-floats": "softmax",
    "refused-dtypes": "softmax",
    "length-0": "softmax",
    "scalar": "softmax",
    # Rows that are special.
    "empty-row": "softmax",
    "empty": "softmax",
    "nan": "softmax",
    "plus-inf": "softmax",
    "logsumexp-limits": "logsumexp",
    # The mask.
    "mask": "softmax",
    "masked-slot": "softmax",
    "masked-array": "softmax",
    "fully-masked": "softmax",
    # The temperature.
    "temperature": "softmax",
    "temperature-0": "softmax",
    "temperature-infinity": "softmax",
    "no-overflow": "softmax",
    "temperature-refused": "softmax",
    # Memory and errors.
    "out": "softmax",
    "out-refused": "softmax",
    "input": "softmax",
    "layout": "softmax",
    "precision": "softmax",
    "exceptions": "softmax",
    # The derivative and the activations.
    "gradient": "softmax_vjp",
    "zero-gradient": "softmax_vjp",
    "activations": "relu",
    # Guarantees that one call, or two, can show.
    "bits": "softmax",
    "log-at-most-0": "log_softmax",
    "sum-1": "softmax",
    "shift": "softmax",
    "permutation": "softmax",
    # Losses.
    "target-out-of-range": "cross_entropy",
    "impossible-target": "cross_entropy",
    "all-ignored": "cross_entropy",
    "composition": "cross_entropy",
    "reduction": "cross_entropy",
    # What is still to come.
    "filter-order": "filter_logits",
    "top-p": "filter_logits",
    "top-k": "filter_logits",
    "min-p": "filter_logits",
    "draws": "sample",
    "bad-rows": "sample",
}
