"""Every function of logitkit in plain float64 NumPy: the specification and the tests' oracle.

The rules
---------
A *row* is what is normalised together: the elements along `axis`, in C order when there are
several axes. Everything is converted to float64 first and returned in float64, without a warning.

- A masked slot (False in `mask`, or masked in an ``np.ma`` array) does not exist: its probability
  and gradient are exactly 0, its log-probability is -inf, whatever stands in it.
- NaN or +inf in a kept slot: every kept slot of the row is NaN. ``logsumexp`` is +inf for +inf.
- A row whose kept slots are all -inf is *empty*: NaN, or what `empty` says ("zero", "uniform",
  "raise"). A fully masked row is 0 (log: -inf) unless `empty` is "raise".
- Temperature 0 is the one-hot of the first maximum, infinity is uniform over the slots above -inf.
- A gradient is exactly 0 where the probability is exactly 0, and what comes in there is ignored.

The method
----------
With m the largest score, M the number of slots that hold it, and q = (x - m) / T <= 0::

    log sum exp(x / T) = m / T + L,    L = log(M) + log1p(R / M),    R = the sum of exp(q) elsewhere
    softmax = exp(q) / (M + R),        log_softmax = q - L,          entropy = L - sum(p * q)
    kl_divergence = sum(p * ((q_p - q_q) - (L_p - L_q))),    the index telling whose scores

Nothing overflows, the terms of each sum have one sign, and a log-probability near 0 keeps its
digits, because R is never added to 1 before the logarithm. The rounding error of q itself, which
exp would magnify up to 700 times, is carried along as a second number (Dekker, 1971).
The limits in T are limits of q: 0 for the slots that win and -inf for the others.

References
----------
P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax
functions", IMA J. Numer. Anal. 41 (2021). T. J. Dekker, "A floating-point technique for extending
the available precision", Numer. Math. 18 (1971).
"""

from logitkit.reference.activations import leaky_relu, relu, sigmoid, silu, tanh
from logitkit.reference.divergence import kl_divergence
from logitkit.reference.family import entropy, log_softmax, logsumexp, softmax
from logitkit.reference.gradients import (
    entropy_vjp,
    log_softmax_vjp,
    logsumexp_vjp,
    softmax_jacobian,
    softmax_jvp,
    softmax_vjp,
)
from logitkit.reference.linear import linear_cross_entropy, linear_cross_entropy_with_grad
from logitkit.reference.losses import cross_entropy, cross_entropy_with_grad, nll_loss
from logitkit.reference.picks import gather_logprobs, top_k
from logitkit.reference.sampling import filter_logits, sample

__all__ = [
    "cross_entropy",
    "cross_entropy_with_grad",
    "entropy",
    "entropy_vjp",
    "filter_logits",
    "gather_logprobs",
    "kl_divergence",
    "leaky_relu",
    "linear_cross_entropy",
    "linear_cross_entropy_with_grad",
    "log_softmax",
    "log_softmax_vjp",
    "logsumexp",
    "logsumexp_vjp",
    "nll_loss",
    "relu",
    "sample",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_jacobian",
    "softmax_jvp",
    "softmax_vjp",
    "tanh",
    "top_k",
]
