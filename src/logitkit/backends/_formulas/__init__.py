"""The family as formulas over any namespace of the array API standard, `xp`: no compiled core.

For arrays that the core cannot read: on other devices, in programs that are compiled elsewhere, of
libraries that have no backend of their own. The formulas are those of `logitkit.reference`, without
a decision that looks at a value, so that they can be traced.

What they are given is checked and in one form already: x and g are floats of the dtype that is
computed in, of one dimension at least; `axes` are rising numbers from 0; the temperature t is a
float, or an array with 1 along the axes; `keep`, True where x takes part, broadcasts against x, or
is None. What they return is of the same dtype; reductions keep the axes as 1.
"""

from logitkit.backends._formulas.divergence import kl_divergence as kl_divergence
from logitkit.backends._formulas.family import entropy as entropy
from logitkit.backends._formulas.family import log_softmax as log_softmax
from logitkit.backends._formulas.family import logsumexp as logsumexp
from logitkit.backends._formulas.family import softmax as softmax
from logitkit.backends._formulas.gradients import entropy_vjp as entropy_vjp
from logitkit.backends._formulas.gradients import log_softmax_jvp as log_softmax_jvp
from logitkit.backends._formulas.gradients import log_softmax_vjp as log_softmax_vjp
from logitkit.backends._formulas.gradients import logsumexp_vjp as logsumexp_vjp
from logitkit.backends._formulas.gradients import softmax_jacobian as softmax_jacobian
from logitkit.backends._formulas.gradients import softmax_vjp as softmax_vjp
from logitkit.backends._formulas.losses import cross_entropy_with_grad as cross_entropy_with_grad
from logitkit.backends._formulas.losses import divisor as divisor
from logitkit.backends._formulas.losses import nll_loss as nll_loss
from logitkit.backends._formulas.picks import gather_logprobs as gather_logprobs
from logitkit.backends._formulas.picks import top_k as top_k
