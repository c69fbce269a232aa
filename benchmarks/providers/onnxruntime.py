"""ONNX Runtime: a model of one node (opset 13), input and output bound: nothing is copied."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from . import Array, Bound, Provider

TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def providers(threads: int) -> list[Provider]:
    """Return the bound session, with its default, spinning threads."""

    def bind(op: str, x: Array, axis: int) -> Bound:
        return _bind(op, x, axis, threads)

    return [Provider("onnxruntime", "onnxruntime", bind)]


def _model(op: str, x: Array, axis: int, shape: tuple[int, ...]) -> bytes:
    if op == "logsumexp":
        node = helper.make_node("ReduceLogSumExp", ["x"], ["y"], axes=[axis], keepdims=0)
    else:
        name = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}[op]
        node = helper.make_node(name, ["x"], ["y"], axis=axis)
    kind = TYPES[x.dtype.name]
    graph = helper.make_graph(
        [node],
        op,
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model.SerializeToString()


def _bind(op: str, x: Array, axis: int, threads: int) -> Bound:
    shape = x.shape
    if op == "logsumexp":
        shape = tuple(np.delete(shape, axis).tolist())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        _model(op, x, axis, shape), options, providers=["CPUExecutionProvider"]
    )
    value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(x.shape, x.dtype, "cpu")
    value.update_inplace(x)
    result = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, x.dtype, "cpu")
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", value)
    binding.bind_ortvalue_output("y", result)
    return Bound(lambda: session.run_with_iobinding(binding), lambda _: result.numpy())
