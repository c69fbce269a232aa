"""What the tests of the PyTorch backend share: every function as a function of tensors alone."""

import numpy as np
import torch

import logitkit as lk

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INF, NAN = float("inf"), float("nan")


def randn(*shape, seed=0, dtype=torch.float64):
    """Return scores that are the same in each run."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(dtype)


MASK = torch.tensor([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 1]], dtype=torch.bool)
IDS = torch.tensor([[0, 2], [4, 4], [1, 3]])
TEMPERATURES = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)


def probabilities(seed=0):
    """Return three rows of five."""
    return torch.softmax(randn(3, 5, seed=seed), -1)


def cases():
    """Return, by name, a function of tensors and the tensors that it can be derived by."""
    x, y, p = randn(3, 5), randn(3, 5, seed=1), probabilities()
    row = randn(3, seed=2)
    options = {"temperature": TEMPERATURES, "mask": MASK}
    t = {"temperature": TEMPERATURES}
    return {
        "softmax": (lambda a: lk.softmax(a, **options), (x,)),
        "softmax, axis 0": (lambda a: lk.softmax(a, axis=0), (x,)),
        "softmax, all elements": (lambda a: lk.softmax(a, axis=None), (x,)),
        "softmax, no axis": (lambda a: lk.softmax(a, axis=()), (x,)),
        "softmax of a scalar": (lambda a: lk.softmax(a), (x[0, 0],)),
        "softmax, transposed": (lambda a: lk.softmax(a.mT, axis=0), (x,)),
        "log_softmax": (lambda a: lk.log_softmax(a, temperature=0.7), (x,)),
        "log_softmax, two axes": (lambda a: lk.log_softmax(a, axis=(0, 1), empty="zero"), (x,)),
        "logsumexp": (lambda a: lk.logsumexp(a, **options), (x,)),
        "logsumexp, keepdims": (lambda a: lk.logsumexp(a, axis=0, keepdims=True), (x,)),
        "entropy": (lambda a: lk.entropy(a, **options), (x,)),
        "softmax_vjp": (lambda a, b: lk.softmax_vjp(a, b, **t), (p, y)),
        "softmax_jvp": (lambda a, b: lk.softmax_jvp(a, b, axis=0), (p, y)),
        "log_softmax_vjp": (lambda a, b: lk.log_softmax_vjp(a, b, **t), (p.log(), y)),
        "logsumexp_vjp": (lambda a, b: lk.logsumexp_vjp(a, b, **options), (x, row)),
        "entropy_vjp": (lambda a, b: lk.entropy_vjp(a, b, **options), (x, row)),
        "softmax_jacobian": (lambda a: lk.softmax_jacobian(a, **t), (p,)),
        "kl_divergence": (lambda a, b: lk.kl_divergence(a, b, **options), (x, y)),
        "kl_divergence, one a row": (
            lambda a, b: lk.kl_divergence(a, b[0], reduction="none", temperature=0.5),
            (x, y),
        ),
        "kl_divergence, sum": (
            lambda a, b: lk.kl_divergence(a, b, axis=0, reduction="sum"),
            (x, y),
        ),
        "gather_logprobs": (lambda a: lk.gather_logprobs(a, IDS, **t), (x,)),
        "gather_logprobs, broadcast": (lambda a: lk.gather_logprobs(a[:1], IDS), (x,)),
        "gather_logprobs, one a column": (
            lambda a: lk.gather_logprobs(
                a, torch.tensor([0, 1, 2, 2, 0]), axis=0, mask=MASK[:1].any()
            ),
            (x,),
        ),
        "top_k": (lambda a: lk.top_k(a, 2).values, (x,)),
        "sigmoid": (lk.sigmoid, (x,)),
        "tanh": (lk.tanh, (x,)),
        "relu": (lk.relu, (x,)),
        "leaky_relu": (lambda a: lk.leaky_relu(a, negative_slope=0.2), (x,)),
        "silu": (lk.silu, (x,)),
    }


CASES = cases()
