"""Logits into probabilities, probabilities into decisions: softmax and its family.

Names only; what they do stands in `functional`, `explanation`, `threads` and `info`, what they mean
in `reference`. The core is loaded at once, so that a setting that it refuses (LOGITKIT_ISA,
LOGITKIT_NUM_THREADS) is told here; a name is imported when it is first used, so that the command
line answers `--help` without NumPy.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from logitkit import _core as _core

if TYPE_CHECKING:
    from logitkit import reference
    from logitkit.explanation import explain
    from logitkit.functional.activations import leaky_relu, relu, sigmoid, silu, tanh
    from logitkit.functional.divergence import kl_divergence
    from logitkit.functional.gradients import (
        entropy_vjp,
        log_softmax_vjp,
        logsumexp_vjp,
        softmax_jacobian,
        softmax_jvp,
        softmax_vjp,
    )
    from logitkit.functional.linear import linear_cross_entropy, linear_cross_entropy_with_grad
    from logitkit.functional.losses import cross_entropy, cross_entropy_with_grad, nll_loss
    from logitkit.functional.picks import gather_logprobs, top_k
    from logitkit.functional.softmax import entropy, log_softmax, logsumexp, softmax
    from logitkit.info import cpu_info, show_config
    from logitkit.sampling.draws import sample
    from logitkit.sampling.filters import filter_logits
    from logitkit.threads import get_num_threads, num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "cpu_info",
    "cross_entropy",
    "cross_entropy_with_grad",
    "entropy",
    "entropy_vjp",
    "explain",
    "filter_logits",
    "gather_logprobs",
    "get_num_threads",
    "kl_divergence",
    "leaky_relu",
    "linear_cross_entropy",
    "linear_cross_entropy_with_grad",
    "log_softmax",
    "log_softmax_vjp",
    "logsumexp",
    "logsumexp_vjp",
    "nll_loss",
    "num_threads",
    "reference",
    "relu",
    "sample",
    "set_num_threads",
    "show_config",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_jacobian",
    "softmax_jvp",
    "softmax_vjp",
    "tanh",
    "top_k",
]

_HOMES = {
    "explanation": ("explain",),
    "functional.activations": ("leaky_relu", "relu", "sigmoid", "silu", "tanh"),
    "functional.divergence": ("kl_divergence",),
    "functional.gradients": (
        "entropy_vjp",
        "log_softmax_vjp",
        "logsumexp_vjp",
        "softmax_jacobian",
        "softmax_jvp",
        "softmax_vjp",
    ),
    "functional.linear": ("linear_cross_entropy", "linear_cross_entropy_with_grad"),
    "functional.losses": ("cross_entropy", "cross_entropy_with_grad", "nll_loss"),
    "functional.picks": ("gather_logprobs", "top_k"),
    "functional.softmax": ("entropy", "log_softmax", "logsumexp", "softmax"),
    "info": ("cpu_info", "show_config"),
    "sampling.draws": ("sample",),
    "sampling.filters": ("filter_logits",),
    "threads": ("get_num_threads", "num_threads", "set_num_threads"),
}


def __getattr__(name: str) -> Any:
    """Import the home of a public name; once, for the name is kept."""
    if name == "reference":
        return importlib.import_module("logitkit.reference")
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"logitkit.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'logitkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted([*__all__, *(name for name in globals() if name.startswith("_"))])


# Where NumPy is there already the names cost little, and a thread that imports them on its first
# call, while another forks, would leave the child with a lock that nobody holds.
if "numpy" in sys.modules:
    for _name in __all__:
        if _name not in globals():
            __getattr__(_name)
