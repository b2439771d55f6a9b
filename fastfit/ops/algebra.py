"""Functions of ``keras.ops.numpy`` and ``keras.ops.linalg`` on matrices."""

import math

import numpy as np

from fastfit.graph.array import as_array
from fastfit.graph.op import apply
from fastfit.ops.families import plain_axis
from fastfit.ops.shaping import expand_dims, moveaxis, ravel, reshape, transpose


def matmul(x1, x2):
    """Return the matrix product."""
    return apply("matmul", x1, x2)


def dot(x1, x2):
    """Return the dot product: sums over the last axis of x1 and the last but one of x2."""
    r1, r2 = len(np.shape(x1)) if not hasattr(x1, "shape") else len(x1.shape), len(getattr(x2, "shape", np.shape(x2)))
    if r1 == 0 or r2 == 0:
        return apply("multiply", x1, x2)
    if r2 <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, axes=([r1 - 1], [r2 - 2]))


def inner(x1, x2):
    """Return sums of products over the last axes."""
    if not np.shape(x1) or not len(x2.shape):
        return apply("multiply", x1, x2)
    return tensordot(x1, x2, axes=([len(x1.shape) - 1], [len(x2.shape) - 1]))


def vdot(x1, x2):
    """Return the sum of products of all elements."""
    return apply("sum", apply("multiply", ravel(x1), ravel(x2)))


def outer(x1, x2):
    """Return the products of all pairs."""
    return apply("multiply", expand_dims(ravel(x1), 1), expand_dims(ravel(x2), 0))


def tensordot(x1, x2, axes=2):
    """Return sums of products over given axes."""
    r1, r2 = len(x1.shape), len(x2.shape)
    if isinstance(axes, (int, np.integer)):
        first, second = list(range(r1 - axes, r1)), list(range(axes))
    else:
        first, second = ([a] if isinstance(a, (int, np.integer)) else list(a) for a in axes)
    first, second = [a % r1 for a in first], [a % r2 for a in second]
    letters = "abcdefghijklmnopqrstuvwxyz"
    left, right = list(letters[:r1]), list(letters[r1 : r1 + r2])
    for a, b in zip(first, second, strict=True):
        right[b] = left[a]
    free = [c for i, c in enumerate(left) if i not in first] + [c for i, c in enumerate(right) if i not in second]
    return einsum(f"{''.join(left)},{''.join(right)}->{''.join(free)}", x1, x2)


def einsum(subscripts, *operands, **kwargs):
    """Return the Einstein sum."""
    return apply("einsum", *operands, subscripts=subscripts)


def kron(x1, x2):
    """Return the Kronecker product of two matrices."""
    product = apply("multiply", expand_dims(x1, (1, 3)), expand_dims(x2, (0, 2)))
    return reshape(product, (x1.shape[0] * x2.shape[0], x1.shape[1] * x2.shape[1]))


def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Return the cross product of 3-vectors."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    (a0, a1, a2), (b0, b1, b2) = ([v[..., i] for i in range(3)] for v in (a, b))
    parts = [a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0]
    result = apply("concatenate", *[expand_dims(p, -1) for p in parts], axis=-1)
    return moveaxis(result, -1, axisc)


def trace(x, offset=0, axis1=0, axis2=1):
    """Return the sum of a diagonal."""
    return apply("sum", diagonal(x, offset, axis1, axis2), axis=-1)


def diagonal(x, offset=0, axis1=0, axis2=1):
    """Return a diagonal."""
    return apply("diagonal", x, offset=offset, axis1=axis1, axis2=axis2)


def diag(x, k=0):
    """Return the diagonal of a matrix, or the matrix with a diagonal."""
    if len(x.shape) == 2:
        return diagonal(x, k)
    n = x.shape[0] + abs(k)
    row = np.arange(n)
    start = max(-k, 0)
    padded = apply("pad", x, pad_width=((start, n - x.shape[0] - start),))
    return apply("multiply", expand_dims(padded, 1), (row[None, :] - row[:, None] == k).astype(str(x.dtype)))


def diagflat(x, k=0):
    """Return a matrix with the flattened input on a diagonal."""
    return diag(ravel(x), k)


def tril(x, k=0):
    """Return the lower triangle."""
    return apply("tril", x, k=k)


def triu(x, k=0):
    """Return the upper triangle."""
    return apply("triu", x, k=k)


def norm(x, ord=None, axis=None, keepdims=False):
    """Return a vector or matrix norm.

    Parameters
    ----------
    ord : {None, 1, 2, inf, -inf, 0, "fro"} or float
        Of matrices: None, "fro", 1, inf.
    """
    axis = plain_axis(axis)
    axes = tuple(range(len(x.shape))) if axis is None else (axis,) if isinstance(axis, int) else axis
    size = apply("abs", x)
    if ord is None or ord == "fro" or (ord == 2 and len(axes) == 1):
        return apply("sqrt", apply("sum", apply("square", x), axis=axis, keepdims=keepdims))
    if len(axes) == 2:
        if ord not in (1, math.inf):
            raise NotImplementedError(f"norm of matrices with ord={ord!r}")
        inner, outer_axis = (axes[0], axes[1]) if ord == 1 else (axes[1], axes[0])
        sums = apply("sum", size, axis=inner, keepdims=True)
        top = apply("max", sums, axis=outer_axis, keepdims=True)
        return top if keepdims else apply("squeeze", top, axis=axes)
    if ord in (math.inf, -math.inf):
        return apply("max" if ord > 0 else "min", size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return apply("sum", apply("cast", apply("not_equal", x, 0), dtype=str(x.dtype)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return apply("sum", size, axis=axis, keepdims=keepdims)
    total = apply("sum", apply("power", size, float(ord)), axis=axis, keepdims=keepdims)
    return apply("power", total, 1.0 / ord)


def cdist(x, y):
    """Return the Euclidean distances of all pairs of rows."""
    difference = apply("subtract", expand_dims(x, -2), expand_dims(y, -3))
    return apply("sqrt", apply("sum", apply("square", difference), axis=-1))


def _applied(name, doc):
    def function(x):
        return apply(name, x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


det = _applied("det", "Return the determinant.")
inv = _applied("inv", "Return the inverse.")
logdet = _applied("logdet", "Return the logarithm of the absolute determinant.")
slogdet = _applied("slogdet", "Return sign and logarithm of the determinant.")
eigh = _applied("eigh", "Return eigenvalues and eigenvectors of symmetric matrices.")
eig = _applied("eig", "Return eigenvalues and eigenvectors.")


def cholesky(x, upper=False):
    """Return the Cholesky factor."""
    return apply("cholesky", x, upper=upper)


def cholesky_inverse(x, upper=False):
    """Return the inverse of the matrix whose Cholesky factor is x."""
    half = inv(triu(x) if upper else tril(x))
    axes = (*range(len(half.shape) - 2), -1, -2)
    other = transpose(half, tuple(a % len(half.shape) for a in axes))
    return matmul(half, other) if upper else matmul(other, half)


def lu_factor(x):
    """Return (both triangles in one matrix, rows that were exchanged) of the LU factorisation with row pivoting."""
    return apply("lu_factor", x)


def qr(x, mode="reduced"):
    """Return the QR factors."""
    return apply("qr", x, mode=mode)


def svd(x, full_matrices=True, compute_uv=True):
    """Return the singular value decomposition."""
    return apply("svd", x, full_matrices=full_matrices, compute_uv=compute_uv)


def solve(a, b):
    """Solve a x = b."""
    return apply("solve", a, b)


def solve_triangular(a, b, lower=False):
    """Solve a x = b with triangular a."""
    return apply("solve", tril(a) if lower else triu(a), b)


def pinv(x, rcond=None):
    """Return the pseudo-inverse."""
    return apply("pinv", x, rcond=rcond)


def lstsq(a, b, rcond=None):
    """Return the least-squares solution of a x = b."""
    return apply("lstsq", a, b, rcond=rcond)


def matrix_rank(x, tol=None):
    """Return the rank of an array."""
    return as_array(np.linalg.matrix_rank(np.asarray(x), tol))


def corrcoef(x):
    """Return the correlations of rows."""
    centred = x - apply("mean", x, axis=-1, keepdims=True)
    covariance = matmul(centred, transpose(centred))
    spread = apply("sqrt", diagonal(covariance))
    return covariance / apply("multiply", expand_dims(spread, 1), expand_dims(spread, 0))


def vander(x, N=None, increasing=False):
    """Return the Vandermonde matrix of a vector."""
    n = x.shape[0] if N is None else N
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return apply("power", expand_dims(x, -1), powers.astype(str(x.dtype)))


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Integrate by the trapezoidal rule."""
    y = moveaxis(y, axis, -1)
    step = dx if x is None else apply("subtract", x[..., 1:], x[..., :-1])
    return apply("sum", (y[..., 1:] + y[..., :-1]) * step * 0.5, axis=-1)


__all__ = (
    "cdist cholesky cholesky_inverse corrcoef cross det diag diagflat diagonal dot eig eigh einsum inner inv kron "
    "logdet lstsq lu_factor matmul matrix_rank norm outer pinv qr slogdet solve solve_triangular svd tensordot "
    "trace trapezoid tril triu vander vdot "
).split()
