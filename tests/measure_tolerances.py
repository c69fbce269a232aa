"""Print the largest errors that `tolerances.py` records, and the inputs that gave them.

PYTHONPATH=. python tests/measure_tolerances.py
"""

import inputs
import losses
import numpy as np
from kernel_calls import REGIMES, apply
from oracles import (
    Exact,
    exact_activation,
    exact_divergence,
    exact_jacobian,
    exact_log_vjp,
    exact_reduction_vjps,
    exact_vjp,
)
from tolerances import errors

import logitkit as lk
from logitkit import _core

FAMILY = ["softmax", "log_softmax", "logsumexp", "entropy"]
FUNCTIONS = ["cross_entropy", "cross_entropy_with_grad"]
ROUNDED = [("exact", {"precision": "exact"}), ("default", {})]


def family_errors(function, dtype, precision, options):
    """Yield the errors of the softmax family, of each regime too where there are several."""
    for name, (x, temperature) in inputs.accuracy_inputs(dtype).items():
        true = Exact(x, temperature)
        want, at = getattr(true, function), None
        if function == "logsumexp" and dtype == np.float64:
            at = np.maximum(np.abs(true.anchor), true.log_sum)
        yield name, errors(getattr(lk, function)(x, temperature=temperature, **options), want, at)
        if dtype == np.float32 and precision == "default" and function != "entropy":
            for regime in REGIMES:
                got = apply(function, x, temperature, regime=regime)
                yield f"{name} (regime {regime})", errors(got, want, at)


def gradient_errors(dtype):
    """Yield the errors of the products and of the Jacobian."""
    for name, (x, t) in inputs.accuracy_inputs(dtype).items():
        p = lk.softmax(x, temperature=t)
        log_p = lk.log_softmax(x, temperature=t)
        few = p[:2, :60]
        for temperature in (1.0, 0.37):
            for g in inputs.gradients(p.shape, dtype):
                got = lk.softmax_vjp(p, g, temperature=temperature)
                yield "softmax_vjp", name, errors(got, *exact_vjp(p, g, temperature))
                got = lk.log_softmax_vjp(log_p, g, temperature=temperature)
                yield "log_softmax_vjp", name, errors(got, *exact_log_vjp(log_p, g, temperature))
            got = lk.softmax_jacobian(few, temperature=temperature)
            yield "softmax_jacobian", name, errors(got, exact_jacobian(few, temperature))
        for g in inputs.gradients(len(x), dtype):
            share, slope, terms = exact_reduction_vjps(x, g, t)
            yield "logsumexp_vjp", name, errors(lk.logsumexp_vjp(x, g, temperature=t), share)
            yield "entropy_vjp", name, errors(lk.entropy_vjp(x, g, temperature=t), slope, terms)
        for other in inputs.others(x, dtype):
            got = lk.kl_divergence(x, other, temperature=t, reduction="none")
            yield "kl_divergence", name, errors(got, *exact_divergence(x, other, t))


def loss_errors(dtype):
    """Yield the errors of cross_entropy and its gradient, for each choice of options."""
    for name, (x, _) in inputs.accuracy_inputs(dtype).items():
        x = losses.within_range(x)
        for choice in losses.CHOICES:
            options = losses.options(choice, x.shape[-1])
            for targets in (losses.classes(x), losses.soft_targets(x)):
                got = lk.cross_entropy_with_grad(x, targets, reduction="none", **options)
                loss, grad, terms = losses.truth(x, targets, choice)
                found = (errors(got[0], loss), errors(got[1], grad, terms))
                for function, error in zip(FUNCTIONS, found, strict=True):
                    yield losses.row_of_the_table(function, choice, targets), name, error


def activation_errors(dtype):
    """Yield the errors of the functions of one number."""
    x = inputs.activation_inputs(dtype)
    for function in ("sigmoid", "tanh", "silu"):
        error = errors(getattr(lk, function)(x), exact_activation(function, x))
        yield function, f"x = {x[error.argmax()]}", error


def main():
    """Measure every row of the table."""
    worst = {}

    def note(function, dtype, precision, name, error):
        key = (function, dtype.name, precision)
        worst[key] = max(worst.get(key, (-1.0, "")), (float(error.max()), name))

    before = _core.isa()
    for isa in _core.available_isas():
        _core.select_isa(isa)
        for dtype in inputs.FLOATS:
            for function in FAMILY:
                for precision, options in ROUNDED[not function.endswith("softmax") :]:
                    for name, error in family_errors(function, dtype, precision, options):
                        note(function, dtype, precision, name, error)
            for function, name, error in gradient_errors(dtype):
                note(function, dtype, "default", name, error)
            for function, name, error in loss_errors(dtype):
                note(function, dtype, "default", name, error)
            for function, name, error in activation_errors(dtype):
                note(function, dtype, "default", name, error)
    _core.select_isa(before)
    for (function, dtype, precision), (ulp, name) in worst.items():
        print(f"{function:32} {dtype:9} {precision:8} {ulp:8.4f}  {name}")


if __name__ == "__main__":
    main()
