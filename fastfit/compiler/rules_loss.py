"""Lowering of softmax, losses and the hits of metrics."""

from fastfit.compiler.lower import is_f32, leading, rule, same_shape
from fastfit.compiler.rules_formula import has_rows_of, hot_rows, softmax_formula, sparse_crossentropy
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor


def last_axis(node, x):
    axis = node.attrs.get("axis", -1)
    return isinstance(axis, int) and axis % len(x.shape) == len(x.shape) - 1


@rule("softmax", "softmax_grad", attrs="axis")
def softmax(low, node):
    y = node.outputs[0]
    if not last_axis(node, y):
        return softmax_formula(low, node)
    if not is_f32(*node.inputs, y) or leading(y.shape) is None or len(y.shape) < 2:
        return False
    rows = leading(y.shape[:-1])
    low.b.emit(
        node.operation.name,
        [*[low.place(x) for x in node.inputs], low.out(y)],
        (y.shape[-1],),
        rows=rows,
        cost=20.0 * rows[0] * y.shape[-1],
    )
    return None


@rule("softmax_ce", "softmax_ce_dense", "sigmoid_bce")
def crossentropy(low, node):
    target, z = node.inputs
    name = node.operation.name
    loss, p = node.outputs
    if not is_f32(z) or leading(z.shape) is None or len(z.shape) < 2:
        return False
    c = z.shape[-1]
    if name != "softmax_ce" and not (is_f32(target) and same_shape(target, z)):
        return False
    t = low.labels(target, c) if name == "softmax_ce" else low.place(target)
    if t is None:
        if low.kind(target) is None or not has_rows_of(target, z):
            return False
        low.expand(node, sparse_crossentropy(target, z, from_logits=True), apply("softmax", z, axis=-1))
        return None
    rows = leading(z.shape[:-1])
    low.b.emit(name, [low.place(z), t, low.out(p), low.out(loss)], (c,), rows=rows, cost=20.0 * rows[0] * c)
    return None


@rule("softmax_ce_grad", "softmax_ce_dense_grad", "sigmoid_bce_grad")
def crossentropy_grad(low, node):
    p, target, g = node.inputs
    name, dz = node.operation.name, node.outputs[0]
    if not is_f32(p, g) or leading(dz.shape) is None or len(dz.shape) < 2:
        return False
    c = dz.shape[-1]
    if name != "softmax_ce_grad" and not (is_f32(target) and same_shape(target, p)):
        return False
    t = low.labels(target, c) if name == "softmax_ce_grad" else low.place(target)
    if t is None:
        if low.kind(target) is None or not has_rows_of(target, p):
            return False
        low.expand(node, apply("expand_dims", g, axis=-1) * (p - hot_rows(target, p, -1)))
        return None
    low.b.emit(name, [low.place(p), t, low.place(g), low.out(dz)], (c,), rows=leading(dz.shape[:-1]))
    return None


@rule("squared_error_mean", "absolute_error_mean")
def error_mean(low, node):
    p, t = node.inputs
    y = node.outputs[0]
    shape = p.shape if isinstance(p, KerasTensor) else t.shape
    if not is_f32(p, t, y) or leading(shape) is None or len(shape) < 2 or not same_shape(p, t):
        return False
    name = {"squared_error_mean": "squared_error", "absolute_error_mean": "absolute_error"}[node.operation.name]
    low.b.emit(name, [low.place(p), low.place(t), low.out(y)], (shape[-1],), rows=leading(shape[:-1]))
    return None


@rule("squared_error_mean_grad", "absolute_error_mean_grad")
def error_mean_grad(low, node):
    p, t, g = node.inputs
    y = node.outputs[0]
    if not is_f32(p, t, g, y) or leading(y.shape) is None or len(y.shape) < 2 or not same_shape(p, t):
        return False
    if not same_shape(g, y.shape[:-1]):
        return False
    name = {"squared_error_mean_grad": "squared_error_grad", "absolute_error_mean_grad": "absolute_error_grad"}
    low.b.emit(
        name[node.operation.name],
        [low.place(p), low.place(t), low.place(g), low.out(y)],
        (y.shape[-1],),
        rows=leading(y.shape[:-1]),
    )
    return None


@rule("hit_sparse", "hit_dense", "hit_binary", attrs="threshold")
def hits(low, node):
    target, p = node.inputs
    y = node.outputs[0]
    name = node.operation.name
    if not is_f32(p, y) or not isinstance(p, KerasTensor) or leading(p.shape) is None or len(p.shape) < 2:
        return False
    c = p.shape[-1]
    if name == "hit_sparse":
        if not isinstance(target, KerasTensor) or low.kind(target) is None or not has_rows_of(target, p):
            return False
        t = low.ids(target, c)
        if t is None:  # ids as floats: a part of one hits nothing
            place = apply("cast", apply("argmax", p, axis=-1), dtype="float32")
            hit = apply("equal", place, apply("reshape_like", target, place))
            low.expand(node, apply("cast", hit, dtype="float32"))
            return None
    elif not is_f32(target) or not same_shape(target, p):
        return False
    else:
        t = low.place(target)
    low.b.emit(
        name, [low.place(p), t, low.out(y)], (c,), (node.attrs.get("threshold", 0.0),), rows=leading(p.shape[:-1])
    )
    return None
