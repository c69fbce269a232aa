"""For each rule, ways to break it, each for the functions in which a case of the rule shows it.

`test_each_rule_can_fail` sets each in the function's place and expects a case of the rule to fail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from conformance.mistakes import (
    accepting,
    anchored,
    bad_as_zero,
    by_batch,
    counted,
    defaults,
    every_tie,
    first_of_a_tuple,
    last_first,
    last_maximum,
    long_losses_as,
    masked_as,
    masked_scores,
    memory_order,
    naive,
    on_result,
    on_targets,
    on_x,
    options_as,
    overwritten,
    raising,
    rounded_short,
    saying,
    short_products,
    unsigned_difference,
    within,
    without,
    written_before_checks,
    zeros,
)
from conformance.table_axes import ACTIVATIONS, FAMILY
from conformance.table_losses import LOSSES
from conformance.table_memory import VJPS
from conformance.table_sampling import BOTH as SAMPLING
from conformance.truth import MAPS

PRODUCTS = ("softmax_vjp", "softmax_jvp")
GRADIENTS = (*PRODUCTS, "softmax_jacobian")
INF, NAN = np.inf, np.nan


@dataclass(frozen=True)
class Mutant:
    rule: str
    mistake: str
    functions: tuple[str, ...]
    call: Callable[..., Any]  # (the right function, its arguments and options)


MUTANTS = [
    Mutant(
        "default-axis",
        "the first axis",
        (*FAMILY, *PRODUCTS, *SAMPLING),
        options_as(lambda o: {"axis": 0} | o),
    ),
    Mutant("default-axis", "all elements", FAMILY, options_as(lambda o: {"axis": None} | o)),
    Mutant("axis", "forgotten", (*FAMILY, *PRODUCTS, *SAMPLING), without("axis")),
    Mutant("axis", "the first of a tuple", FAMILY, options_as(first_of_a_tuple)),
    Mutant("keepdims", "forgotten", ("logsumexp",), without("keepdims")),
    Mutant(
        "result-dtype", "float64 for all", (*FAMILY, *ACTIVATIONS), on_x(lambda x: x.astype(float))
    ),
    Mutant("dtype", "forgotten", (*MAPS, "logsumexp"), without("dtype")),
    Mutant("dtype", "any", (*MAPS, "logsumexp"), accepting(defaults)),
    Mutant("integers", "the maximum subtracted first", MAPS, on_x(unsigned_difference)),
    Mutant("integers", "as their low byte", FAMILY, on_x(lambda x: x.astype(np.int8))),
    Mutant("half-floats", "rounded twice", FAMILY, on_result(lambda got, x, o: rounded_short(got))),
    Mutant("half-floats", "summed in the short dtype", ("softmax_vjp",), short_products),
    Mutant("refused-dtypes", "taken", (*FAMILY, *ACTIVATIONS, *GRADIENTS), accepting(zeros)),
    Mutant("refused-dtypes", "not named", FAMILY, saying("x has a dtype that is not accepted")),
    Mutant("length-0", "0", ("logsumexp",), on_result(lambda got, x, o: np.maximum(got, 0))),
    Mutant("length-0", "refused", MAPS, on_x(lambda x: x[..., [0]] if x.ndim else x)),
    Mutant("scalar", "a vector", FAMILY, on_x(np.atleast_1d)),
    Mutant("empty-row", "0", (*MAPS, "entropy"), on_result(lambda got, x, o: np.nan_to_num(got))),
    Mutant("empty", "forgotten", MAPS, without("empty")),
    Mutant("empty", "any", MAPS, accepting(defaults)),
    Mutant("nan", "0", (*FAMILY,), bad_as_zero(np.isnan)),
    Mutant(
        "nan", "passed over", FAMILY, on_x(lambda x: np.where(np.isnan(x), x.dtype.type(-INF), x))
    ),
    Mutant("plus-inf", "0", (*MAPS, "entropy"), bad_as_zero(np.isposinf)),
    Mutant("plus-inf", "a certain class", (*MAPS, "entropy"), on_x(np.nan_to_num)),
    Mutant("logsumexp-limits", "NaN", ("logsumexp",), on_result(lambda got, x, o: got - got + got)),
    Mutant("mask", "forgotten", FAMILY, without("mask")),
    Mutant(
        "mask",
        "True where hidden",
        FAMILY,
        options_as(
            lambda o: o | {"mask": np.logical_not(o["mask"])} if o.get("mask") is not None else o
        ),
    ),
    Mutant("mask", "any kind", FAMILY, accepting(defaults)),
    Mutant("masked-slot", "almost 0", ("softmax",), masked_as(1e-30)),
    Mutant("masked-slot", "NaN shows", FAMILY, masked_scores(NAN)),
    Mutant("masked-slot", "in the maximum", FAMILY, on_x(anchored)),
    Mutant("masked-slot", "a low score", FAMILY, masked_scores(-5)),
    Mutant("masked-array", "its data", (*FAMILY, "softmax_vjp"), on_x(np.ma.getdata)),
    Mutant("fully-masked", "NaN", (*MAPS, "entropy"), masked_scores(-INF)),
    Mutant("fully-masked", "equal scores", ("logsumexp",), masked_scores(0)),
    Mutant(
        "fully-masked", "NaN in the gradient", PRODUCTS, on_result(lambda got, x, o: got / x * x)
    ),
    Mutant(
        "temperature",
        "forgotten",
        (*FAMILY, *GRADIENTS, "filter_logits"),
        without("temperature"),
    ),
    Mutant(
        "temperature",
        "the first one for all",
        (*FAMILY, *GRADIENTS),
        options_as(
            lambda o: (
                o | {"temperature": np.ravel(o["temperature"])[0]} if "temperature" in o else o
            )
        ),
    ),
    Mutant("temperature-0", "the last maximum", MAPS, last_maximum),
    Mutant(
        "temperature-0",
        "a small one",
        (*FAMILY, *GRADIENTS),
        options_as(
            lambda o: (
                o | {"temperature": np.maximum(o["temperature"], 1e-9)} if "temperature" in o else o
            )
        ),
    ),
    Mutant(
        "temperature-infinity",
        "a large one",
        (*FAMILY, *GRADIENTS, "filter_logits"),
        options_as(
            lambda o: (
                o | {"temperature": np.minimum(o["temperature"], 100.0)}
                if "temperature" in o
                else o
            )
        ),
    ),
    Mutant("no-overflow", "scaled first", (*MAPS, "entropy"), naive),
    Mutant("temperature-refused", "any", (*FAMILY, *GRADIENTS), accepting(defaults)),
    Mutant("temperature-refused", "not named", (*FAMILY, *GRADIENTS), saying("bad value")),
    Mutant("out", "forgotten", (*MAPS, "logsumexp", *VJPS), without("out")),
    Mutant(
        "out",
        "returned but not written",
        (*MAPS, *VJPS),
        lambda f, *a, **o: (f(*a, **o | {"out": None}), o["out"])[1] if "out" in o else f(*a, **o),
    ),
    Mutant(
        "out-refused",
        "any",
        (*MAPS, "logsumexp", *VJPS),
        accepting(lambda args, o: (args, {k: v for k, v in o.items() if k != "out"})),
    ),
    Mutant(
        "out-refused",
        "written before the checks",
        (*MAPS, "logsumexp", *VJPS),
        written_before_checks,
    ),
    Mutant("input", "overwritten", (*FAMILY, "softmax_vjp", "silu"), overwritten),
    Mutant("layout", "strides passed over", FAMILY, memory_order),
    Mutant("precision", "float16", MAPS, on_x(lambda x: x.astype(np.float16).astype(x.dtype))),
    Mutant("precision", '"exact" is the default', MAPS, without("precision")),
    Mutant("exceptions", "ValueError for all", (*FAMILY, *PRODUCTS), raising(ValueError)),
    Mutant(
        "exceptions", "nothing named", (*FAMILY, *PRODUCTS, "leaky_relu"), saying("bad argument")
    ),
    Mutant("gradient", "half of it", GRADIENTS, on_result(lambda got, x, o: got / 2)),
    Mutant(
        "gradient", "without the sum", PRODUCTS, lambda f, p, g, **o: np.asarray(p) * np.asarray(g)
    ),
    Mutant(
        "zero-gradient",
        "NaN where p is 0",
        GRADIENTS,
        on_result(
            lambda got, x, o: got * (x / x) if got.ndim == x.ndim else np.where(got == 0, NAN, got)
        ),
    ),
    Mutant(
        "activations",
        "0 for NaN",
        ACTIVATIONS,
        on_x(lambda x: np.nan_to_num(x, posinf=INF, neginf=-INF)),
    ),
    Mutant("activations", "leaky without its slope", ("leaky_relu",), without("negative_slope")),
    Mutant("bits", "a bit by the batch", (*FAMILY, "filter_logits"), on_result(by_batch)),
    Mutant("bits", "numbered anew", ("sample",), without("rows")),
    Mutant(
        "log-at-most-0",
        "a rounding above",
        ("log_softmax",),
        on_result(lambda got, x, o: np.where(got == got.max(), 1e-7, got)),
    ),
    Mutant(
        "sum-1",
        "4 eps more",
        ("softmax",),
        on_result(lambda got, x, o: got * (1 + 4 * float(ml_dtypes.finfo(got.dtype).eps))),
    ),
    Mutant(
        "shift",
        "stretched first",
        (*MAPS, "entropy"),
        on_x(lambda x: (x.astype(float) * 1.001).astype(x.dtype)),
    ),
    Mutant(
        "permutation",
        "by the place",
        MAPS,
        on_result(lambda got, x, o: got * (1 + np.arange(got.shape[-1])) if got.ndim else got),
    ),
    Mutant(
        "target-out-of-range",
        "the last class",
        (*LOSSES, "cross_entropy_with_grad"),
        on_targets(within),
    ),
    Mutant(
        "target-out-of-range",
        "a ValueError",
        (*LOSSES, "cross_entropy_with_grad"),
        raising(ValueError, IndexError),
    ),
    Mutant(
        "target-out-of-range",
        "not named",
        (*LOSSES, "cross_entropy_with_grad"),
        saying("targets is out of range", IndexError),
    ),
    Mutant("impossible-target", "the largest number", LOSSES, long_losses_as(1e30)),
    Mutant("impossible-target", "NaN", LOSSES, long_losses_as(NAN)),
    Mutant("all-ignored", "0", LOSSES, on_result(lambda got, x, o: np.nan_to_num(got))),
    Mutant("all-ignored", '"zero" forgotten', LOSSES, without("empty")),
    Mutant("composition", "ignored rows count", LOSSES, on_targets(counted)),
    Mutant("composition", "no weights", ("cross_entropy",), without("weight")),
    Mutant("composition", "no smoothing", ("cross_entropy",), without("label_smoothing")),
    Mutant("composition", "no z-loss", ("cross_entropy",), without("z_loss")),
    Mutant("reduction", "always the mean", LOSSES, without("reduction")),
    Mutant("reduction", "by the weights alone", LOSSES, without("normalizer")),
    Mutant("filter-order", "forgotten", SAMPLING, without("order")),
    Mutant(
        "filter-order",
        "temperature last",
        ("filter_logits",),
        options_as(lambda o: {"order": "llama.cpp"} | o),
    ),
    Mutant("top-p", "forgotten", SAMPLING, without("top_p")),
    Mutant(
        "top-p",
        "none if the first has it all",
        ("filter_logits",),
        on_result(lambda got, x, o: np.full_like(got, -INF) if o.get("top_p") == 0 else got),
    ),
    Mutant("top-p", "the last of several first", ("filter_logits",), last_first),
    Mutant("top-k", "forgotten", SAMPLING, without("top_k")),
    Mutant("top-k", "every tie", ("filter_logits",), every_tie),
    Mutant("min-p", "forgotten", SAMPLING, without("min_p")),
    Mutant(
        "min-p",
        "of all",
        ("filter_logits",),
        options_as(lambda o: o | {"top_p": 1 - (o.get("min_p") or 0)}),
    ),
    Mutant("draws", "numbered anew", ("sample",), without("rows")),
    Mutant("draws", "another seed", ("sample",), options_as(lambda o: o | {"seed": 8})),
    Mutant("bad-rows", "not named", ("sample",), saying("x has nothing to draw")),
    Mutant("bad-rows", "drawn from", ("sample",), on_x(np.nan_to_num)),
]
