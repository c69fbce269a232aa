"""ONNX Runtime: a model of standard nodes (opset 13), operands and result bound: nothing is copied.

Softmax, LogSoftmax and ReduceLogSumExp are one node; the others are the graph that an exporter of
models writes of their formula. Of bfloat16 its processor has none of them.
"""

import numpy as np
import onnxruntime
from onnx import parser

from ..operations import OPERATIONS
from . import Array, Bound, Operands, Provider

TYPES = {"float32": "float", "float64": "double", "float16": "float16", "int64": "int64"}

# From a, the first operand, and b, the second, to y; `axes` is the constant [axis].
_SOFTMAX_VJP = """
    share = Mul (a, b)
    total = ReduceSum <keepdims = 1> (share, axes)
    rest = Sub (b, total)
    y = Mul (a, rest)"""
NODES = {
    "softmax": "y = Softmax <axis = {axis}> (a)",
    "log_softmax": "y = LogSoftmax <axis = {axis}> (a)",
    "logsumexp": "y = ReduceLogSumExp <axes = [{axis}], keepdims = 0> (a)",
    "entropy": """
    log_p = LogSoftmax <axis = {axis}> (a)
    p = Exp (log_p)
    terms = Mul (p, log_p)
    total = ReduceSum <keepdims = 0> (terms, axes)
    y = Neg (total)""",
    "kl_divergence": """
    log_p = LogSoftmax <axis = {axis}> (a)
    log_q = LogSoftmax <axis = {axis}> (b)
    p = Exp (log_p)
    ratio = Sub (log_p, log_q)
    terms = Mul (p, ratio)
    y = ReduceSum <keepdims = 0> (terms, axes)""",
    "gather_logprobs": """
    log_p = LogSoftmax <axis = {axis}> (a)
    y = GatherElements <axis = {axis}> (log_p, b)""",
    "cross_entropy": """
    log_p = LogSoftmax <axis = {axis}> (a)
    picked = GatherElements <axis = {axis}> (log_p, b)
    loss = Neg (picked)
    y = Squeeze (loss, axes)""",
    "softmax_vjp": _SOFTMAX_VJP,
    "softmax_jvp": _SOFTMAX_VJP,
    "log_softmax_vjp": """
    p = Exp (a)
    total = ReduceSum <keepdims = 1> (b, axes)
    share = Mul (p, total)
    y = Sub (b, share)""",
    "logsumexp_vjp": """
    p = Softmax <axis = {axis}> (a)
    y = Mul (b, p)""",
    "entropy_vjp": """
    log_p = LogSoftmax <axis = {axis}> (a)
    p = Exp (log_p)
    terms = Mul (p, log_p)
    total = ReduceSum <keepdims = 1> (terms, axes)
    rest = Sub (total, log_p)
    share = Mul (b, p)
    y = Mul (share, rest)""",
}


def providers(threads: int) -> list[Provider]:
    """Return the bound session, with its default, spinning threads."""

    def bind(op: str, operands: Operands, axis: int) -> Bound | None:
        if op not in NODES or operands[0].dtype.name not in TYPES:
            return None
        return _bind(op, operands, axis, threads)

    return [Provider("onnxruntime", "onnxruntime", bind)]


def _model(op: str, operands: Operands, axis: int, shape: tuple[int, ...]) -> bytes:
    inputs = ", ".join(
        f"{_type(each.dtype, each.shape)} {name}"
        for name, each in zip("ab", operands, strict=False)
    )
    result = f"{_type(operands[0].dtype, shape)} y"
    nodes = NODES[op].format(axis=axis)
    if "axes)" in nodes:
        nodes = f"axes = Constant <value_ints = [{axis}]> ()\n{nodes}"
    text = f'<ir_version: 8, opset_import: ["": 13]> {op} ({inputs}) => ({result}) {{ {nodes} }}'
    return parser.parse_model(text).SerializeToString()


def _type(dtype: "np.dtype[np.generic]", shape: tuple[int, ...]) -> str:
    return f"{TYPES[dtype.name]}{list(shape) if shape else ''}"


def _bind(op: str, operands: Operands, axis: int, threads: int) -> Bound:
    shape = OPERATIONS[op].shape(operands, axis)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        _model(op, operands, axis, shape), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    for name, each in zip("ab", operands, strict=False):
        binding.bind_ortvalue_input(name, _value(each.shape, each.dtype, each))
    result = _value(shape, operands[0].dtype)
    binding.bind_ortvalue_output("y", result)
    return Bound(lambda: session.run_with_iobinding(binding), lambda _: result.numpy())


def _value(
    shape: tuple[int, ...], dtype: "np.dtype[np.generic]", content: Array | None = None
) -> onnxruntime.OrtValue:
    value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, dtype, "cpu")
    if content is not None:
        value.update_inplace(content)
    return value
