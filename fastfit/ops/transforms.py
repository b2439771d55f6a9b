"""Functions of functions: vectorising, scanning, derivatives."""

import numpy as np

from fastfit.graph.differentiate import gradients
from fastfit.graph.evaluate import evaluate
from fastfit.graph.op import OPS, apply
from fastfit.graph.shapes import axis_in
from fastfit.graph.tensor import KerasTensor, Operand, make_input, topological
from fastfit.ops.shaping import array, concatenate, reshape, stack
from fastfit.utils import nest


def vectorize(pyfunc, *, excluded=None, signature=None):
    """Return a function that applies one of scalars to every element.

    Parameters
    ----------
    pyfunc : callable
    excluded : set of int or str, optional
        Arguments that are passed as they are.
    signature : str, optional
        As ``"(n),(n)->()"``: the function is one of arrays. For arrays only.
    """
    if not callable(pyfunc):
        raise ValueError(f"Expected argument `pyfunc` to be a callable. Received: pyfunc={pyfunc}")
    excluded = set(excluded or ())
    concrete = np.vectorize(pyfunc, excluded=excluded, signature=signature)

    def vectorized(*args, **kwargs):
        if not any(isinstance(a, KerasTensor) for a in (*args, *kwargs.values())):
            args = [a if i in excluded or isinstance(a, Operand) else array(a) for i, a in enumerate(args)]
            y = concrete(*args, **kwargs)
            wide = any(getattr(a, "dtype", None) == np.float64 for a in args)
            return y if wide or getattr(y, "dtype", None) != np.float64 else y.astype("float32")
        if signature is not None or kwargs:
            raise TypeError("vectorize: symbolic tensors go without `signature` and keyword arguments. Write the "
                            "function with fastfit.ops, which work on whole arrays.")  # fmt: skip
        scalars = [a if i in excluded else make_input((), _dtype(a)) for i, a in enumerate(args)]
        values = {id(s): a for s, a in zip(scalars, args, strict=True) if isinstance(s, KerasTensor)}
        return nest.map_structure(lambda y: _replay(y, values), pyfunc(*scalars))

    return vectorized


def _dtype(x):
    return x.dtype if isinstance(x, KerasTensor) else np.asarray(array(x)).dtype.name


def _replay(y, values):
    """What `y` is if its scalars are arrays: every op on the way must be one of single elements."""
    if not isinstance(y, KerasTensor):
        return y
    for node in topological([y]):
        if node.operation == "input":
            continue
        name = getattr(node.operation, "name", node.operation)
        if node.operation == "variable" or not OPS[name].elementwise:
            raise TypeError(f"vectorize: {name!r} is no op of single elements, and cannot be applied to tensors")
        inputs = [values.get(id(x), x) if isinstance(x, KerasTensor) else x for x in node.inputs]
        values[id(node.outputs[0])] = apply(name, *inputs, **node.attrs)
    return values[id(y)]


def _cut(xs, axis, key):
    return [x[(slice(None),) * axis + (key,)] for x in xs]


def associative_scan(f, elems, reverse=False, axis=0):
    """Return the running results of an associative function along an axis.

    Parameters
    ----------
    f : callable
        ``f(a, b)`` of arrays or structures of them, for many elements at a time.
    elems : array or structure of arrays
        Of one size along ``axis``, which must be known.
    reverse : bool, default=False
        From the last element on.
    axis : int, default=0
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    flat = [array(x) for x in nest.flatten(elems)]
    axis = axis_in(axis, len(flat[0].shape))
    sizes = {x.shape[axis] for x in flat}
    if len(sizes) != 1 or None in sizes:
        raise ValueError(
            "Array inputs to associative_scan must have the same, known first dimension along the axis. "
            f"Received: sizes {sorted(map(str, sizes))}"
        )

    def combine(a, b):
        pair = (nest.pack_like(elems, v) for v in (a, b))
        return [array(v) for v in nest.flatten(f(*pair))]

    turned = _cut(flat, axis, slice(None, None, -1)) if reverse else flat
    result = _scan(combine, turned, axis)
    return nest.pack_like(elems, _cut(result, axis, slice(None, None, -1)) if reverse else result)


def _scan(combine, xs, axis):
    n = xs[0].shape[axis]
    if n < 2:
        return xs
    # pairs first: their results are those at odd places, and the others follow from them
    pairs = combine(_cut(xs, axis, slice(0, n - 1, 2)), _cut(xs, axis, slice(1, n, 2)))
    odd = _scan(combine, pairs, axis)
    even = _cut(xs, axis, slice(0, 1))
    if n > 2:
        before = _cut(odd, axis, slice(0, (n - 1) // 2))
        rest = combine(before, _cut(xs, axis, slice(2, n, 2)))
        even = [concatenate([a, b], axis=axis) for a, b in zip(even, rest, strict=True)]
    return [_interleaved(a, b, axis, n) for a, b in zip(even, odd, strict=True)]


def _interleaved(even, odd, axis, n):
    both = n // 2 * 2
    first = even[(slice(None),) * axis + (slice(0, n // 2),)]
    shape = [-1 if d is None else d for d in first.shape]
    shape[axis] = both
    mixed = reshape(stack([first, odd], axis=axis + 1), tuple(shape))
    if n == both:
        return mixed
    return concatenate([mixed, even[(slice(None),) * axis + (slice(n // 2, None),)]], axis=axis)


def jvp(fun, primals, tangents, has_aux=False):
    """Return a function's value and its derivative in a direction.

    Parameters
    ----------
    fun : callable
    primals, tangents : list or tuple
        The point, and the direction: for each argument an array of its shape and dtype.
    has_aux : bool, default=False
        ``fun`` returns (value, something else), which is returned as it is.

    Returns
    -------
    tuple
        (value, derivative) or (value, derivative, aux).
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError(
            f"primals and tangents must be lists or tuples. Received: {type(primals).__name__}, "
            f"{type(tangents).__name__}"
        )
    xs, ts = [array(p) for p in primals], [array(t) for t in tangents]
    if len(xs) != len(ts) or any(tuple(x.shape) != tuple(t.shape) for x, t in zip(xs, ts, strict=False)):
        raise ValueError(
            "tangents must have the shapes of primals. Received: "
            f"{[tuple(x.shape) for x in xs]} and {[tuple(t.shape) for t in ts]}"
        )
    symbolic = any(isinstance(v, KerasTensor) for v in (*xs, *ts))
    points = xs if symbolic else [make_input(np.shape(x), str(x.dtype)) for x in xs]
    result = fun(*points)
    value, aux = result if has_aux else (result, None)
    derivative = nest.map_structure(lambda y: _along(y, points, ts), value)
    if not symbolic:
        feeds = dict(zip(points, xs, strict=True))

        def known(y):
            return evaluate([y], feeds)[0] if isinstance(y, KerasTensor) else y

        value, derivative, aux = (nest.map_structure(known, v) for v in (value, derivative, aux))
    return (value, derivative, aux) if has_aux else (value, derivative)


def _along(y, xs, ts):
    """The derivative of `y` along `ts`: the gradient of a gradient, in which the weights of `y` are linear."""
    nothing = apply("full_like", y, value=0.0, dtype=str(y.dtype))
    if not isinstance(y, KerasTensor):
        return nothing
    weights = nothing  # their value does not matter: the gradient is linear in them
    tensors = [x for x in xs if isinstance(x, KerasTensor)]
    grads = gradients(apply("sum", y * weights), tensors)
    found = {id(x): g for x, g in zip(tensors, grads, strict=True)}
    terms = [apply("sum", found[id(x)] * t) for x, t in zip(xs, ts, strict=True) if found.get(id(x)) is not None]
    if not terms:
        return nothing
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    (derivative,) = gradients(total, [weights])
    return nothing if derivative is None else derivative


def custom_gradient(f):
    """Return ``f`` with a gradient of its own.

    Parameters
    ----------
    f : callable
        Returns (value, function), where the function takes the gradient of the value, as a positional or the
        ``upstream`` argument, and returns those of the arguments of ``f``.
    """

    def wrapped(*args):
        value, gradient = f(*args)
        if not isinstance(value, (KerasTensor, np.ndarray, np.generic)):
            raise TypeError(
                f"custom_gradient: expected one array or tensor as the value. Received: {type(value).__name__}"
            )
        if not any(isinstance(a, KerasTensor) for a in args):
            return value
        return apply("with_gradient", value, *args, gradient=gradient)

    return wrapped


__all__ = "associative_scan custom_gradient jvp vectorize".split()
