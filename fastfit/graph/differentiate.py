"""Reverse-mode differentiation: a walk over the graph that asks each op for its gradient rule."""

import numpy as np

from fastfit.graph.op import Op, apply, as_batch, constant, is_float
from fastfit.graph.tensor import KerasTensor, topological


def gradients(loss, targets):
    """Return the gradients of a scalar with respect to tensors.

    Parameters
    ----------
    loss : KerasTensor
        A float scalar.
    targets : list of KerasTensor

    Returns
    -------
    list of KerasTensor or None
        None where the loss does not depend on the target, or only through ops that are constant almost everywhere.

    Raises
    ------
    NotImplementedError
        An op between a target and the loss has no gradient rule.
    """
    if not isinstance(loss, KerasTensor):
        return [None] * len(targets)
    if loss.shape != ():
        raise ValueError(f"gradients: the loss must be a scalar. Received shape {loss.shape}")
    order = topological([loss])
    active = _depends_on(order, targets)
    sums = {id(loss): np.ones((), loss.dtype)} if id(loss) in active else {}
    for node in reversed(order):
        dys = [sums.get(id(t)) for t in node.outputs]
        if all(dy is None for dy in dys) or not any(id(x) in active for x in _tensors(node)):
            continue
        for x, dx in zip(node.inputs, _input_gradients(node, dys), strict=True):
            if dx is None or not isinstance(x, KerasTensor) or id(x) not in active:
                continue
            dx = _with_rows_of(x, dx)
            _check(node, x, dx)
            sums[id(x)] = dx if id(x) not in sums else apply("add", sums[id(x)], dx)
    return [_as_tensor(sums.get(id(t)), t) for t in targets]


def blocking_ops(value, targets):
    """Return the names of the ops through which alone a value depends on targets, so that it has no gradient.

    Parameters
    ----------
    value : KerasTensor
    targets : list of KerasTensor

    Returns
    -------
    list of str
        Empty if there is a smooth way, or no dependence but through shapes or a ``stop_gradient``.
    """
    order = topological([value])
    active = _depends_on(order, targets)
    if id(value) in active:
        return []
    blocked, names = set(), []
    for node in order:
        name = getattr(node.operation, "name", None)
        if name in _BLIND:
            continue
        inputs = {id(x) for x in _tensors(node)}
        outputs = {id(t) for t in node.outputs}
        if inputs & blocked:
            blocked |= outputs
        elif inputs & active and not outputs & active:
            blocked |= outputs
            names.append(name)
    return list(dict.fromkeys(names)) if id(value) in blocked else []


# Ops that look at nothing but a shape, and the one that is meant to stop gradients.
_BLIND = ("full_like", "axis_size", "batch_size", "stop_gradient")


def _tensors(node):
    return [x for x in node.inputs if isinstance(x, KerasTensor)]


def _depends_on(order, targets):
    """Return the ids of float tensors through which the targets reach the loss smoothly."""
    active = {id(t) for t in targets}
    for node in order:
        if getattr(node.operation, "constant", False) is True:
            continue
        if any(id(x) in active for x in _tensors(node)):
            active.update(id(t) for t in node.outputs if is_float(t.dtype))
    return active


def _input_gradients(node, dys):
    op = node.operation
    if not isinstance(op, Op):
        raise NotImplementedError(
            f"gradients: {op!r} is a layer of a functional graph; trace the model before differentiating it"
        )
    if op.grad is None:
        raise NotImplementedError(
            f"Op {op.name!r} lies between a trainable variable and the loss, but has no gradient rule. "
            "Write the computation with other ops of fastfit.ops, or wrap its input in fastfit.ops.stop_gradient "
            "if no gradient is wanted."
        )
    dxs = list(op.grad(node, *dys))
    if len(dxs) != len(node.inputs):
        raise AssertionError(f"gradient rule of {op.name!r} returned {len(dxs)} for {len(node.inputs)} inputs")
    return dxs


def _with_rows_of(x, dx):
    """A gradient with fixed rows, of a tensor that met such, has the batch's rows if the tensor has; or the reverse."""
    if not isinstance(dx, KerasTensor):
        return dx
    have, want = dx._shape, x._shape
    if len(have) != len(want) or not want or have[0] == want[0]:
        return dx
    if want[0] is None:
        return dx if have[0] == 1 else as_batch(dx, x)
    return apply("fixed_rows", dx, rows=want[0]) if have[0] is None else dx


def _check(node, x, dx):
    """Catch a wrong gradient rule where it happens and not as a shape error far away."""
    shape = tuple(np.shape(dx) if not isinstance(dx, KerasTensor) else dx._shape)
    fits = len(shape) == len(x.shape) and all(
        a == b or a is None or b is None for a, b in zip(shape, x.shape, strict=True)
    )
    if not fits:
        raise AssertionError(f"gradient rule of {node.operation.name!r}: shape {shape} for an input of {x.shape}")
    unknown = any(a is None and b is not None for a, b in zip(shape[1:], x.shape[1:], strict=True))
    if unknown:
        raise NotImplementedError(
            f"Op '{node.operation.name}' joins an axis of fixed size with that of the batch, and has no gradient then. "
            f"Received: shapes {', '.join(str(tuple(v.shape)) for v in node.inputs if v is not None)}"
        )
    if str(dx.dtype) != x.dtype:
        raise AssertionError(f"gradient rule of {node.operation.name!r}: dtype {dx.dtype} for an input of {x.dtype}")


def _as_tensor(dx, target):
    return dx if dx is None or isinstance(dx, KerasTensor) else constant(np.asarray(dx, target.dtype))
