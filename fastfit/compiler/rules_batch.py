"""Lowering of the sizes that only a run knows."""

from fastfit.compiler.lower import is_op, leading, rule


def is_batch_size(x):
    """Whether a scalar is the size of the batch."""
    return is_op(x, "axis_size") and x.node.attrs["axis"] == 0 and x.node.inputs[0].shape[:1] == (None,)


@rule("batch_size")
def batch_size(low, node):
    y = node.outputs[0]
    x = node.inputs[0]
    if x.shape[0] is not None or leading(x.shape[:1]) is None:
        return False
    low.lazy[id(y)] = lambda: count_rows(low, low.out(y), x.shape.times)
    return None


@rule("axis_size", attrs="axis dtype")
def axis_size(low, node):
    y = node.outputs[0]
    times = node.inputs[0].shape.times
    if not is_batch_size(y) or y.dtype not in ("int32", "float32") or not times:
        return False

    def emit():
        if y.dtype == "float32":
            count_rows(low, low.out(y), times)
            return
        count = low.b.slot(())
        count_rows(low, count, times)
        low.b.emit("to_int", [count, low.out(y)], (1,), rows=(0, 1))

    low.lazy[id(y)] = emit
    return None


def count_rows(low, out, times):
    """The number of rows of the batch, times a number, as a float."""
    ones = low.b.slot((None,))
    low.b.emit("fill", [ones], (1, 0), (1.0,))
    low.b.emit("sum_all", [ones, out], (1, 0), (float(times),), rows=(1, 0), cut="whole", cost=1)
