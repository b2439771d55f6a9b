"""Products of matrices, and dense layers."""

import numpy as np

from fastfit.graph import shapes
from fastfit.graph.op import apply, define, is_float
from fastfit.graph.rows.helpers import symbolic, unbroadcast
from fastfit.graph.shapes import probe

A = apply


def _swap(x):
    rank = len(x.shape)
    return A("transpose", x, axes=(*range(rank - 2), rank - 1, rank - 2))


def _matmul_shape(x, z):
    if not x.shape or not z.shape:
        raise ValueError("matmul: operands must have at least one axis")
    a = x.shape if len(x.shape) > 1 else (1, *x.shape)
    b = z.shape if len(z.shape) > 1 else (*z.shape, 1)
    if None not in (a[-1], b[-2]) and a[-1] != b[-2]:
        raise ValueError(f"matmul: inner dimensions differ. Received shapes {x.shape} and {z.shape}")
    shape = shapes.broadcast(a[:-2], b[:-2]) + (a[-2], b[-1])
    if len(z.shape) == 1:
        shape = shape[:-1]
    if len(x.shape) == 1:
        shape = shape[:-1] if len(z.shape) == 1 else shape[:-2] + shape[-1:]
    return shape, x.dtype


def _matmul_grad(node, dy):
    x, z = node.inputs
    rx, rz = len(x.shape), len(z.shape)
    # One-axis operands become matrices, and their gradients lose the axis again.
    x2 = A("expand_dims", x, axis=0) if rx == 1 else x
    z2 = A("expand_dims", z, axis=-1) if rz == 1 else z
    if rz == 1:
        dy = A("expand_dims", dy, axis=-1)
    if rx == 1:
        dy = A("expand_dims", dy, axis=-2)
    dx = dz = None
    if symbolic(x):
        flat = len(z2.shape) == 2 and len(x2.shape) >= 2 and None not in z2.shape
        dx = A("dense_dx", dy, z2) if flat else unbroadcast(A("matmul", dy, _swap(z2)), x2)
        dx = A("squeeze", dx, axis=0) if rx == 1 else dx
    if symbolic(z):
        if len(z2.shape) == 2 and None not in z2.shape:
            dz = A("dense_dw", x2, dy)
        else:
            dz = unbroadcast(A("matmul", _swap(x2), dy), z2)
        dz = A("squeeze", dz, axis=-1) if rz == 1 else dz
    return [dx, dz]


define("matmul", _matmul_shape, np.matmul, _matmul_grad, promote="same")

# Dense layers: x (..., d), w (d, u), b (u) or None --------------------------------------------------------------------


def _dense_shape(x, w, b=None):
    if len(x.shape) < 2:
        raise ValueError(f"dense: the input needs at least 2 axes. Received shape {x.shape}")
    if x.shape[-1] is not None and x.shape[-1] != w.shape[0]:
        raise ValueError(f"dense: the input has {x.shape[-1]} columns, the kernel {w.shape[0]} rows")
    return (*x.shape[:-1], w.shape[1]), x.dtype


def _dense(x, w, b=None):
    y = np.matmul(x, w)
    return y if b is None else y + b


def _dense_grad(node, dy):
    x, w, b = (*node.inputs, None)[:3]
    return [
        A("dense_dx", dy, w) if symbolic(x) else None,
        A("dense_dw", x, dy) if symbolic(w) else None,
        A("dense_db", dy) if symbolic(b) else None,
    ][: len(node.inputs)]


define("dense", _dense_shape, _dense, _dense_grad, promote="same")


def _rows(x):
    return np.reshape(x, (-1, np.shape(x)[-1]))


define(
    "dense_dx",
    lambda dy, w: ((*dy.shape[:-1], w.shape[0]), dy.dtype),
    lambda dy, w: np.matmul(dy, np.transpose(w)),
    lambda node, g: [A("matmul", g, node.inputs[1]), A("dense_dw", g, node.inputs[0])],
    promote="same",
)
define(
    "dense_dw",
    lambda x, dy: ((x.shape[-1], dy.shape[-1]), dy.dtype),
    lambda x, dy: np.matmul(_rows(x).T, _rows(dy)),
    lambda node, g: [A("dense_dx", node.inputs[1], g), A("matmul", node.inputs[0], g)],
    promote="same",
)
define(
    "dense_db",
    lambda dy: ((dy.shape[-1],), dy.dtype),
    lambda dy: np.sum(_rows(dy), axis=0),
    lambda node, g: [A("broadcast_like", g, node.inputs[0])],
    promote="same",
)

# Einstein sums --------------------------------------------------------------------------------------------------------


def _einsum_shape(*xs, subscripts):
    terms, out = parse_einsum(subscripts, [len(x.shape) for x in xs])
    sizes = {}
    for term, x in zip(terms, xs, strict=True):
        if len(term) != len(x.shape):
            raise ValueError(f"einsum: {subscripts!r} does not fit a tensor of shape {x.shape}")
        for label, d in zip(term, x.shape, strict=True):
            (sizes[label],) = shapes.broadcast((sizes.get(label, 1),), (d,))
    return tuple(sizes[label] for label in out), xs[0].dtype


def parse_einsum(subscripts, ranks):
    """Return (input labels, output labels), the ellipses spelled out with capital letters."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    free = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in subscripts]
    widths = [rank - len(t.replace("...", "")) if "..." in t else 0 for t, rank in zip(terms, ranks, strict=True)]
    dots = "".join(free[: max(widths, default=0)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, widths, strict=True)]
    if not arrow:
        letters = "".join(terms)
        right = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots))
    return terms, right.replace("...", dots)


def _einsum_grad(node, dy):
    ranks = [len(x.shape) for x in node.inputs]
    terms, out = parse_einsum(node.attrs["subscripts"], ranks)
    grads = []
    for i, x in enumerate(node.inputs):
        if not symbolic(x):
            grads.append(None)
            continue
        if len(set(terms[i])) < len(terms[i]):
            raise NotImplementedError(f"einsum: gradient with a repeated index in {terms[i]!r}")
        others = [(t, z) for j, (t, z) in enumerate(zip(terms, node.inputs, strict=True)) if j != i]
        known = set(out).union(*[set(t) for t, _ in others])
        have = "".join(c for c in terms[i] if c in known)
        rule = ",".join([out, *(t for t, _ in others)]) + "->" + have
        g = A("einsum", dy, *(z for _, z in others), subscripts=rule)
        missing = tuple(k for k, c in enumerate(terms[i]) if c not in known)
        if missing:  # summed over alone in the forward direction
            g = A("broadcast_like", A("expand_dims", g, axis=missing), x)
        g = unbroadcast(g, x)
        # an index of one element beside one of several: its element counts for each
        grads.append(
            A("broadcast_like", g, x) if any(a == 1 != b for a, b in zip(g.shape, x.shape, strict=True)) else g
        )
    return grads


define(
    "einsum",
    _einsum_shape,
    lambda *xs, subscripts: np.einsum(subscripts, *xs),
    _einsum_grad,
    promote="same",
)

# Factorisations: rare, so by probing, and differentiated only where Keras users do ------------------------------------


def _inv_grad(node, dy):
    y = node.outputs[0]
    return [A("negative", A("matmul", _swap(y), A("matmul", dy, _swap(y))))]


def _solve_grad(node, dy):
    a, b = node.inputs
    y = node.outputs[0]
    db = A("solve", _swap(a), dy)
    vector = len(b.shape) == len(a.shape) - 1
    left = A("expand_dims", db, axis=-1) if vector else db
    right = A("expand_dims", y, axis=-1) if vector else y
    return [A("negative", A("matmul", left, _swap(right))) if symbolic(a) else None, unbroadcast(db, b)]


def _solve(a, b):
    return np.linalg.solve(a, b[..., None])[..., 0] if np.ndim(b) == np.ndim(a) - 1 else np.linalg.solve(a, b)


def _det_grad(node, dy):
    x, y = node.inputs[0], node.outputs[0]
    scale = A("expand_dims", dy * y, axis=(-2, -1)) if len(x.shape) > 2 else dy * y
    return [scale * _swap(A("inv", x))]


def _lu_factor(x):
    a = np.array(x)
    n = min(a.shape[-2:])
    pivots = np.zeros((*a.shape[:-2], n), "int32")
    for m, rows in zip(a.reshape(-1, *a.shape[-2:]), pivots.reshape(-1, n), strict=True):
        for k in range(n):
            rows[k] = p = k + int(np.argmax(np.abs(m[k:, k])))
            m[[k, p]] = m[[p, k]]
            if m[k, k] != 0:
                m[k + 1 :, k] /= m[k, k]
                m[k + 1 :, k + 1 :] -= np.outer(m[k + 1 :, k], m[k, k + 1 :])
    return a, pivots


def _cholesky(x, upper=False):
    lower = np.linalg.cholesky(x)
    return np.swapaxes(lower, -1, -2) if upper else lower


def _cholesky_grad(node, dy):
    y = node.outputs[0]
    lower, d = (_swap(y), _swap(dy)) if node.attrs.get("upper") else (y, dy)
    inner = A("tril", A("matmul", _swap(lower), d), k=0)
    inner = inner - 0.5 * inner * np.eye(y.shape[-1], dtype=y.dtype)
    back = A("inv", lower)
    half = A("matmul", _swap(back), A("matmul", inner, back))
    return [0.5 * (half + _swap(half))]


def _eigh_grad(node, dw, dv):
    w, v = node.outputs
    n = v.shape[-1]
    eye = np.eye(n, dtype=v.dtype)
    inner = None if dw is None else A("expand_dims", dw, axis=-1) * eye
    if dv is not None:
        gaps = A("expand_dims", w, axis=-2) - A("expand_dims", w, axis=-1)
        turned = A("matmul", _swap(v), dv) * A("divide_no_nan", 1.0 - eye, gaps)
        inner = turned if inner is None else inner + turned
    full = A("matmul", v, A("matmul", inner, _swap(v)))
    return [0.5 * (full + _swap(full))]


def _slogdet_grad(node, _, dlog):
    return [None] if dlog is None else _logdet_grad(node, dlog)


def _logdet(x):
    return np.linalg.slogdet(x)[1]


def _logdet_grad(node, dy):
    x = node.inputs[0]
    return [(A("expand_dims", dy, axis=(-2, -1)) if len(x.shape) > 2 else dy) * _swap(A("inv", x))]


def _factorisation(name, meaning, grad=None):
    define(name, probe(meaning), meaning, grad, promote="float")


_factorisation("inv", np.linalg.inv, _inv_grad)
_factorisation("det", np.linalg.det, _det_grad)
_factorisation("logdet", _logdet, _logdet_grad)
_factorisation("solve", _solve, _solve_grad)
_factorisation("cholesky", _cholesky, _cholesky_grad)
_factorisation("lu_factor", _lu_factor)
_factorisation("qr", lambda x, mode="reduced": tuple(np.linalg.qr(x, mode=mode)))
_factorisation("svd", lambda x, full_matrices=True, compute_uv=True: _svd(x, full_matrices, compute_uv))
_factorisation("eigh", lambda x: tuple(np.linalg.eigh(x)), _eigh_grad)
_factorisation("eig", lambda x: tuple(np.linalg.eig(x)))
_factorisation("slogdet", lambda x: tuple(np.linalg.slogdet(x)), _slogdet_grad)
_factorisation("pinv", lambda x, rcond=None: np.linalg.pinv(x) if rcond is None else np.linalg.pinv(x, rcond))
_factorisation("lstsq", lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond=rcond)[0])


def _svd(x, full_matrices, compute_uv):
    result = np.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(result) if compute_uv else result


def _triangle_grad(name):
    return lambda node, dy: [A(name, dy, k=node.attrs.get("k", 0))]


def _triangle_shape(x, k=0):
    if len(x.shape) < 2:
        raise ValueError(f"tril and triu: expected at least 2 axes. Received: shape={tuple(x.shape)}")
    return x.shape, x.dtype


define("tril", _triangle_shape, lambda x, k=0: np.tril(x, k), _triangle_grad("tril"))
define("triu", _triangle_shape, lambda x, k=0: np.triu(x, k), _triangle_grad("triu"))


def _is_smooth(x):
    return symbolic(x) and is_float(x.dtype)


def _diagonal_grad(node, dy):
    return [A("diagonal_grad", dy, node.inputs[0], **node.attrs) if _is_smooth(node.inputs[0]) else None]


def _diagonal_back(dy, x, offset=0, axis1=0, axis2=1):
    dx = np.zeros(np.shape(x), np.asarray(dy).dtype)
    moved = np.moveaxis(dx, (axis1, axis2), (-2, -1))
    n = np.shape(dy)[-1]
    i = np.arange(n)
    moved[..., i + max(-offset, 0), i + max(offset, 0)] = dy
    return dx


_DIAGONAL = np.diagonal
define(
    "diagonal",
    probe(lambda x, offset=0, axis1=0, axis2=1: _DIAGONAL(x, offset, axis1, axis2)),
    lambda x, offset=0, axis1=0, axis2=1: np.array(_DIAGONAL(x, offset, axis1, axis2)),
    _diagonal_grad,
)
define("diagonal_grad", lambda dy, x, **_: (x.shape, dy.dtype), _diagonal_back)
