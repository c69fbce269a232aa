"""Logits into probabilities, probabilities into decisions: softmax and its family.

Names only; what they do stands in `functional`, `explanation`, `threads` and `info`, what they mean in `reference`.
"""

from logitkit import reference
from logitkit.explanation import explain
from logitkit.functional.activations import leaky_relu, relu, sigmoid, silu, tanh
from logitkit.functional.gradients import softmax_jacobian, softmax_jvp, softmax_vjp
from logitkit.functional.softmax import entropy, log_softmax, logsumexp, softmax
from logitkit.info import cpu_info, show_config
from logitkit.threads import get_num_threads, num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "cpu_info",
    "entropy",
    "explain",
    "get_num_threads",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "num_threads",
    "reference",
    "relu",
    "set_num_threads",
    "show_config",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_jacobian",
    "softmax_jvp",
    "softmax_vjp",
    "tanh",
]
