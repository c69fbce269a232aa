"""JAX arrays: the core through XLA's foreign function interface on CPUs, the formulas elsewhere.

Everything works on traced arrays too: inside jit, grad, vmap, pmap. What must look at values (a
negative temperature, an index out of range) gives NaN rows where they are traced, and an error
where they are known.

- `calls`: one operation as a call in a compiled program, on whatever platform it runs
- `linear`: maps that are linear in one argument, with their transpose
- `rules`, `activations`: the derivatives
- `losses`: cross-entropy, call and derivatives
- `linear_loss`: cross-entropy of a product, in parts
- `host`: what the shared verbs need to know of JAX
"""

from logitkit.backends._generic.verbs import Verbs
from logitkit.backends.jax.host import JaxHost

_verbs = Verbs(JaxHost())

elementwise = _verbs.elementwise
cross_entropy = _verbs.cross_entropy
cross_entropy_with_grad = _verbs.cross_entropy_with_grad
entropy = _verbs.entropy
entropy_vjp = _verbs.entropy_vjp
filter_logits = _verbs.filter_logits
gather_logprobs = _verbs.gather_logprobs
kl_divergence = _verbs.kl_divergence
linear_cross_entropy = _verbs.linear_cross_entropy
linear_cross_entropy_with_grad = _verbs.linear_cross_entropy_with_grad
log_softmax = _verbs.log_softmax
log_softmax_vjp = _verbs.log_softmax_vjp
logsumexp = _verbs.logsumexp
logsumexp_vjp = _verbs.logsumexp_vjp
nll_loss = _verbs.nll_loss
sample = _verbs.sample
softmax = _verbs.softmax
softmax_jacobian = _verbs.softmax_jacobian
softmax_vjp = _verbs.softmax_vjp
top_k = _verbs.top_k
