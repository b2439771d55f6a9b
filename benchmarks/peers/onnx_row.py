"""One row through a network in onnxruntime: session.run with one thread, the model built node by node."""

import numpy as np
import onnxruntime
from jobs import JOBS
from onnx import TensorProto, checker, helper, numpy_helper
from rows import time_calls
from worker import serve, versions

OPSET = 17


def export(job):
    """The network as ONNX: Gemm and activation per layer, with the job's weights."""
    flat = job.weights()
    nodes, constants, name = [], [], "x"
    hidden = {"relu": "Relu", "tanh": "Tanh"}[job.activation]
    for i, (w, b) in enumerate(zip(flat[::2], flat[1::2], strict=True)):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [f"z{i}"]))
        name = f"z{i}"
        last = i == len(job.units) - 1
        if not last or job.classes:
            node = (
                helper.make_node("Softmax", [name], [f"a{i}"], axis=-1)
                if last
                else (helper.make_node(hidden, [name], [f"a{i}"]))
            )
            nodes.append(node)
            name = f"a{i}"
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", job.inputs])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", job.units[-1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 9  # what older runtimes read too
    checker.check_model(model)
    return model.SerializeToString()


def setup(job, threads, calls):
    spec = JOBS[job]
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    session = onnxruntime.InferenceSession(export(spec), settings, providers=["CPUExecutionProvider"])
    feed = {"x": spec.data(1)[0]}

    def check():
        return {"loss": float(np.square(session.run(None, feed)[0]).sum())}

    def one_round():
        return time_calls(session.run, (None, feed), calls)

    return {"versions": versions("onnxruntime", "onnx")}, {"check": check, "round": one_round}


if __name__ == "__main__":
    serve(setup)
