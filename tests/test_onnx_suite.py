"""ONNX's node tests of the operators that are ours, with our functions in their place.

They come with the onnx package: a model of one node, with inputs and the outputs that are due.
(Its expansions into several nodes, with the same numbers, test whoever runs models.)
"""

import importlib
import warnings

import numpy as np
import pytest
from onnx import helper
from onnx.backend.test.case import node as made

import logitkit as lk

OPERATORS = {
    "Softmax": "softmax",
    "LogSoftmax": "logsoftmax",
    "Hardmax": "hardmax",
    "ReduceLogSumExp": "reduce_log_sum_exp",
    "SoftmaxCrossEntropyLoss": "softmax_cross_entropy_loss",
    "NegativeLogLikelihoodLoss": "negativeloglikelihoodloss",
}


def collect():
    """Return the tests by name; ONNX makes those of an operator when its module is imported."""
    with warnings.catch_warnings():
        # Of ONNX's expected outputs: logarithms of 0.
        warnings.simplefilter("ignore", RuntimeWarning)
        for module in OPERATORS.values():
            importlib.import_module(f"onnx.backend.test.case.node.{module}")
    found = {}
    for case in made._NodeTestCases:
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in OPERATORS:
            found[case.name] = case
    return found


TESTS = collect()


def run(node, x, *others):
    """Do what a node says with our functions; return what it gives."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type.endswith("Loss"):
        return loss(node, x, *others, **attributes)
    return (activation(node, x, *others, **attributes),)


def loss(node, x, targets, weight=None, reduction=b"mean", **options):
    """Return the loss and, where the node gives them, the log-probabilities."""
    function = {
        "SoftmaxCrossEntropyLoss": lk.cross_entropy,
        "NegativeLogLikelihoodLoss": lk.nll_loss,
    }[node.op_type]
    value = function(x, targets, axis=1, weight=weight, reduction=reduction.decode(), **options)
    return (value, lk.log_softmax(x, axis=1))[: len(node.output)]


def activation(node, x, axes=(), **attributes):
    if node.op_type == "ReduceLogSumExp":
        # No axes are all axes.
        axis = tuple(int(a) for a in axes) or None
        return lk.logsumexp(x, axis=axis, keepdims=bool(attributes.pop("keepdims")), **attributes)
    if node.op_type == "Hardmax":
        return lk.softmax(x, temperature=0, **attributes)
    return {"Softmax": lk.softmax, "LogSoftmax": lk.log_softmax}[node.op_type](x, **attributes)


@pytest.mark.parametrize("name", TESTS)
def test_onnx_own_test(name):
    case = TESTS[name]
    (node,) = case.model.graph.node
    for given, wanted in case.data_sets:
        for got, want in zip(run(node, *given), wanted, strict=True):
            assert got.dtype == want.dtype
            assert np.shape(got) == want.shape
            # The bounds are ONNX's; one-hots are exact.
            rtol, atol = (0, 0) if node.op_type == "Hardmax" else (case.rtol, case.atol)
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


def test_every_operator_is_tested():
    counts = dict.fromkeys(OPERATORS, 0)
    for case in TESTS.values():
        counts[case.model.graph.node[0].op_type] += 1
    assert counts["ReduceLogSumExp"] >= 9
    assert counts["SoftmaxCrossEntropyLoss"] >= 34
    assert counts["NegativeLogLikelihoodLoss"] >= 18
    assert all(count >= 7 for count in counts.values()), counts


def test_a_tie_goes_to_the_first_occurrence_as_in_hardmax():
    tied = [c for n, c in TESTS.items() if n == "test_hardmax_one_hot"]
    ((x,), (want,)) = tied[0].data_sets[0]
    assert (x == x.max()).sum() > 1
    assert np.array_equal(lk.softmax(x, temperature=0), want)
    assert np.argmax(want) == np.argmax(x)
