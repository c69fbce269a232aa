"""PyTorch tensors: the core on the memory of those on the CPU, formulas on other devices.

Each verb is an operator of PyTorch with a derivative, ``torch.ops.logitkit``. The dtype policy is
NumPy's, but for integers: their result has PyTorch's default dtype.
"""

from __future__ import annotations

from logitkit.backends.torch import _derivatives as _derivatives
from logitkit.backends.torch import _loss_derivatives as _loss_derivatives
from logitkit.backends.torch._linear import linear_cross_entropy as linear_cross_entropy
from logitkit.backends.torch._linear import (
    linear_cross_entropy_with_grad as linear_cross_entropy_with_grad,
)
from logitkit.backends.torch._losses import cross_entropy as cross_entropy
from logitkit.backends.torch._losses import cross_entropy_with_grad as cross_entropy_with_grad
from logitkit.backends.torch._losses import nll_loss as nll_loss
from logitkit.backends.torch._sampling import filter_logits as filter_logits
from logitkit.backends.torch._sampling import sample as sample
from logitkit.backends.torch._verbs import elementwise as elementwise
from logitkit.backends.torch._verbs import entropy as entropy
from logitkit.backends.torch._verbs import entropy_vjp as entropy_vjp
from logitkit.backends.torch._verbs import gather_logprobs as gather_logprobs
from logitkit.backends.torch._verbs import kl_divergence as kl_divergence
from logitkit.backends.torch._verbs import log_softmax as log_softmax
from logitkit.backends.torch._verbs import log_softmax_vjp as log_softmax_vjp
from logitkit.backends.torch._verbs import logsumexp as logsumexp
from logitkit.backends.torch._verbs import logsumexp_vjp as logsumexp_vjp
from logitkit.backends.torch._verbs import softmax as softmax
from logitkit.backends.torch._verbs import softmax_jacobian as softmax_jacobian
from logitkit.backends.torch._verbs import softmax_vjp as softmax_vjp
from logitkit.backends.torch._verbs import top_k as top_k
from logitkit.backends.torch._views import to_numpy as to_numpy
