"""Lowering of products of matrices and of Einstein sums."""

from math import prod

import numpy as np

from fastfit.compiler.broadcasting import spread
from fastfit.compiler.lower import is_f32, leading, rule, shape_of
from fastfit.graph.op import apply
from fastfit.graph.rows.linalg import parse_einsum
from fastfit.graph.tensor import KerasTensor, Shape


@rule("matmul")
def matmul(low, node):
    x, z = node.inputs
    y = node.outputs[0]
    if not is_f32(x, z, y) or leading(y.shape) is None:
        return False
    xs, zs = shape_of(x), shape_of(z)
    if leading(xs) is None or leading(zs) is None or min(len(xs), len(zs)) < 1:
        return False
    if len(zs) == 1 and None not in zs and len(xs) >= 2 and isinstance(x, KerasTensor):
        emit_dense(low, x, np.reshape(z, (-1, 1)) if not isinstance(z, KerasTensor) else z, y, xs, (zs[0], 1))
    elif len(zs) == 2 and None not in zs and len(xs) >= 2 and isinstance(x, KerasTensor):
        emit_dense(low, x, z, y, xs, zs)
    elif min(len(xs), len(zs)) == 1:
        return False
    else:
        return emit_products(low, x, z, y, xs, zs)
    return None


def emit_dense(low, x, z, y, xs, zs):
    """All rows of x with one matrix."""
    mul, fix = leading(xs[:-1])
    if isinstance(z, KerasTensor) and z.shape != zs:
        z = low.lowered(apply("reshape", z, newshape=zs))
    cost = 2.0 * prod(zs)
    place = low.rows_of(x) if isinstance(x, KerasTensor) else low.place(x)
    low.b.emit(
        "dense",
        [place, low.place(z), None, low.out(y)],
        (*zs, 0),
        rows=(mul, fix),
        cost=cost * mul,
        cost_fix=cost * fix,
    )


def emit_products(low, x, z, y, xs, zs):
    """Each row of the batch with its own matrices; other leading axes must agree."""
    lead = y.shape[:-2]
    if None in (*xs[-2:], *zs[-2:]) or not all(v.shape.times == lead.times for v in (x, z) if None in shape_of(v)):
        return False
    if any(None in s and len(s) != len(y.shape) for s in (xs, zs)):  # the batch is beside another axis
        return False
    if lead[:1] == (None,) and any(len(s) == len(y.shape) and s[0] not in (None, 1) for s in (xs, zs)):
        return False  # fixed rows, which NumPy counts
    (p, ps), (q, qs) = (
        spread(low, v, Shape((*lead, *s[-2:]), lead.times), "f", whole=True) for v, s in ((x, xs), (z, zs))
    )
    if len(ps) != len(lead) + 2 or len(qs) != len(lead) + 2:
        return False
    m, k, n = xs[-2], xs[-1], zs[-1]
    rows = leading(lead) if lead else (0, 1)
    cost = 2.0 * m * k * n
    low.b.emit("matmul", [p, q, low.out(y)], (m, k, n), rows=rows, cost=cost * rows[0], cost_fix=cost * rows[1])
    return None


@rule("einsum", attrs="subscripts")
def einsum(low, node):
    """Two operands as a product of matrices, or of a gradient; one as a sum."""
    y = node.outputs[0]
    if not is_f32(*node.inputs, y) or len(node.inputs) > 2 or leading(y.shape) is None:
        return False
    if not all(isinstance(x, KerasTensor) and leading(x.shape) is not None for x in node.inputs):
        return False
    terms, out = parse_einsum(node.attrs["subscripts"], [len(x.shape) for x in node.inputs])
    if any(len(set(t)) < len(t) for t in terms):
        return False
    sizes = {}
    for term, x in zip(terms, node.inputs, strict=True):
        for label, d in zip(term, x.shape, strict=True):
            if sizes.setdefault(label, d) != d:
                return False
    tensor = _sum_out(node.inputs[0], terms[0], out) if len(terms) == 1 else _pair(node.inputs, terms, out, sizes)
    if tensor is None:
        return False
    low.expand(node, tensor)
    return None


def _order(x, term, wanted):
    order = tuple(term.index(c) for c in wanted)
    return x if order == tuple(range(len(term))) else apply("transpose", x, axes=order)


def _sum_out(x, term, kept):
    """Sum over the labels that are not kept, and order the rest."""
    axes = tuple(i for i, c in enumerate(term) if c not in kept)
    x = apply("sum", x, axis=axes) if axes else x
    left = "".join(c for c in term if c in kept)
    return _order(x, left, kept)


def _reduced(x, term, known):
    axes = tuple(i for i, c in enumerate(term) if c not in known)
    return (apply("sum", x, axis=axes) if axes else x), "".join(c for c in term if c in known)


def _pair(inputs, terms, out, sizes):
    x, z = inputs
    a, b = terms
    (x, a), (z, b) = _reduced(x, a, set(out) | set(b)), _reduced(z, b, set(out) | set(a))
    shared = [c for c in a if c in b and c in out]
    summed = [c for c in a if c in b and c not in out]
    left, right = [c for c in a if c not in b], [c for c in b if c not in a]
    batch = next((c for c, d in sizes.items() if d is None), None)
    if batch in right:  # the batch belongs to the rows of a product
        return _pair((inputs[1], inputs[0]), (terms[1], terms[0]), out, sizes)
    for labels in (shared, summed, left):
        labels.sort(key=lambda c: c != batch)

    def dims(labels):
        return [sizes[c] for c in labels]

    if batch in summed:
        if shared:
            return None
        x, z = _order(x, a, summed + left), _order(z, b, summed + right)
        x = apply("reshape", x, newshape=_wild([*dims(summed), prod(dims(left))]))
        z = apply("reshape", z, newshape=_wild([*dims(summed), prod(dims(right))]))
        y = apply("dense_dw", x, z)
    else:
        x, z = _order(x, a, shared + left + summed), _order(z, b, shared + summed + right)
        rows = dims(left) if None in dims(left) else [prod(dims(left))]
        x = apply("reshape", x, newshape=_wild([*dims(shared), *rows, prod(dims(summed))]))
        z = apply("reshape", z, newshape=_wild([*dims(shared), prod(dims(summed)), prod(dims(right))]))
        y = apply("matmul", x, z)
    labels = shared + left + right
    y = apply("reshape", y, newshape=_wild(dims(labels)))
    return _order(y, labels, list(out))


def _wild(shape):
    return tuple(-1 if d is None else d for d in shape)
