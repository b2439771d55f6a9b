"""Steps that the user writes: `train_step`, `test_step`, `predict_step`, `compute_loss`, `compute_metrics`.

They are called once, inside a trace. What they return for the logs is kept in variables that the program sets, so
that no Python runs while it trains.
"""

from __future__ import annotations

import inspect

import numpy as np

from fastfit import ops
from fastfit.graph import rewrite, trace
from fastfit.graph.differentiate import gradients as tensor_gradients
from fastfit.graph.tensor import KerasTensor
from fastfit.graph.variable import Variable
from fastfit.optimizers.schedules import LearningRateSchedule
from fastfit.utils import nest
from fastfit.utils.py_dataset import pack_x_y_sample_weight, unpack_x_y_sample_weight
from fastfit.utils.returned import must_return


def gradients(loss, variables):
    """Return the gradients of a loss, inside a `train_step` or another function that is traced.

    Parameters
    ----------
    loss : KerasTensor
        A float scalar.
    variables : list of Variable or KerasTensor

    Returns
    -------
    list of KerasTensor or None
        None for a variable that the loss does not depend on.

    Raises
    ------
    RuntimeError
        Outside of a traced function: there values have no history.
    NotImplementedError
        An op on the way has no gradient rule.
    """
    current = trace.current()
    if current is None:
        raise RuntimeError(
            "fastfit.gradients works where a step is traced, such as a model's train_step: the values of an eager "
            "computation have no history to differentiate."
        )
    variables = list(variables)
    values = {**current.variables, **current.updates}  # a step may have updated a variable before
    targets = [values.get(v) if isinstance(v, Variable) else v for v in variables]
    (fused,), memo = rewrite.fuse([loss]) if isinstance(loss, KerasTensor) else ((loss,), {})
    found = iter(tensor_gradients(fused, [memo.get(t, t) for t in targets if t is not None]))
    return [None if t is None else next(found) for t in targets]


class CustomSteps:
    """The default steps, which subclasses of `Model` override."""

    def train_step(self, data):
        """Do one step of training: traced once, run natively.

        Parameters
        ----------
        data : tuple
            (x,), (x, y) or (x, y, sample_weight) of symbolic tensors, in the form that `fit` was given.

        Returns
        -------
        dict
            What the logs show: names to scalars.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = call_compute_loss(self, x, y, y_pred, sample_weight, True)
        self._track_loss(loss, x, y_pred)
        variables = self.trainable_variables
        self.optimizer.apply(gradients(self.optimizer.scale_loss(loss), variables), variables)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data):
        """Do one step of evaluation. Parameters and result as of `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self._track_loss(call_compute_loss(self, x, y, y_pred, sample_weight, False), x, y_pred)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data):
        """Return the outputs for a batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the compiled metrics with a batch.

        Returns
        -------
        dict
            Names to running values.
        """
        del x
        self._update_metrics(nest.flatten(y), nest.flatten(y_pred), nest.flatten(sample_weight))
        return self.get_metrics_result()


METHODS = {"train": "train_step", "test": "test_step", "predict": "predict_step"}


def is_custom(model, kind):
    """Whether a subclass says itself what a step does."""
    names = [METHODS[kind]] + (["compute_loss", "compute_metrics"] if kind != "predict" else [])
    return any(overridden(model, name) for name in names)


def overridden(model, name):
    """Whether a subclass of the model's own classes has a method of this name."""
    method = getattr(type(model), name)
    return not method.__module__.startswith("fastfit.training.")


def owns_loss(model):
    """Whether targets are the business of the user's code alone."""
    return any(overridden(model, name) for name in ("train_step", "test_step", "compute_loss"))


def call_compute_loss(model, x, y, y_pred, sample_weight, training):
    """Call the model's compute_loss, which may have been written without the argument `training`."""
    parameters = inspect.signature(model.compute_loss).parameters
    takes = "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    extra = {"training": training} if takes else {}
    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **extra)
    return must_return(loss, f"`compute_loss()` of {type(model).__name__} '{model.name}'", "the loss")


def trace_custom(model, kind, x, y, w):
    """Trace the user's step.

    A step that applies gradients once leaves the update to the optimizer's kernels. If it applies them more often, as
    adversarial training does, or uses a variable after its update, such as to clip it, what comes later depends on the
    update: then the step is traced again, with the optimizers' own arithmetic in it.

    Parameters
    ----------
    model : Model
    kind : {"train", "test"}
    x, y, w : list of KerasTensor or None

    Returns
    -------
    optimizer : Optimizer or None
    gradients : list of (Variable, KerasTensor)
        For it, with their variables.
    trace : Trace
    counts : list of Variable
        Scalars of the optimizers whose updates are in the trace.
    """
    applied = []

    def collect(optimizer, grads, variables):
        if variables is None:
            variables = optimizer._trainable_variables
        applied.append((optimizer, list(zip(variables, grads, strict=True))))
        first.applied.update(variables)

    with trace.Trace() as first:
        first.on_apply = collect
        _call_step(model, kind, x, y, w, first)
    for optimizer, pairs in applied:
        if optimizer is not model.optimizer:
            optimizer.build([v for v, _ in pairs])
    if len(applied) <= 1 and not first.touched:
        return *(applied[0] if applied else (None, [])), first, []
    for optimizer, pairs in applied:
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        optimizer.check_known([v for v, _ in pairs])
        _check_rate(model, kind, optimizer)

    def update(optimizer, grads, variables):
        before = dict(second.updates)
        optimizer._apply(grads, variables)
        # variables are leaves: no gradient goes back through an update
        for v, tensor in second.updates.items():
            second.updates[v] = tensor if before.get(v) is tensor else ops.stop_gradient(tensor)

    with trace.Trace() as second:
        second.on_apply = update
        _call_step(model, kind, x, y, w, second)
    counts = [v for optimizer, _ in applied for v in optimizer.variables if not v.shape]
    return None, [], second, counts


def _check_rate(model, kind, optimizer):
    """A learning rate that is a function of the user's is asked before each step, so only where kernels do the rest."""
    for inner in getattr(optimizer.acting, "optimizers", [optimizer.acting]):
        if callable(inner._learning_rate) and not isinstance(inner._learning_rate, (Variable, LearningRateSchedule)):
            raise NotImplementedError(
                f"{type(model).__name__}.{METHODS[kind]} applies gradients several times, and the learning rate of "
                f"{inner.name!r} is a function: expected a number or a LearningRateSchedule, which the step can "
                f"follow. Received: learning_rate={inner._learning_rate}"
            )


def _call_step(model, kind, x, y, w, current):
    y_in = _pack_targets(model, y)
    model._settle_outputs(len(y))
    if any(m.metric is None for m in model._output_metrics):  # names that depend on shapes: the step asks for metrics
        with trace.Trace():
            y_pred = nest.flatten(model._call_for_step(x, training=False))
        for m in model._output_metrics:
            if y[m.output] is not None:
                m.resolve(y[m.output], y_pred[m.output])
    result = getattr(model, METHODS[kind])(pack_x_y_sample_weight(model._pack_inputs(x), y_in, _pack_targets(model, w)))
    if not isinstance(result, dict):
        raise TypeError(
            f"{type(model).__name__}.{METHODS[kind]} must return a dict of names and scalars for the logs. "
            f"Received: {result!r}"
        )
    _keep_logs(model, kind, result, current)


def _pack_targets(model, tensors):
    if all(t is None for t in tensors):
        return None
    struct = model._outputs_form()
    if struct is not None and nest.is_nested(struct) and len(nest.flatten(struct)) == len(tensors):
        return nest.pack_like(struct, tensors)
    return tensors[0] if len(tensors) == 1 else list(tensors)


def _keep_logs(model, kind, result, current):
    """Decide what the logs show: the metrics if the step names just these, else what its last batch returned."""
    flat = {}
    for key, value in result.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    kept = model._step_logs.setdefault(kind, {})
    model._step_logs[kind] = found = {}
    updated = {id(v) for v in current.updates}
    metrics = {m.name: m for m in model.metrics}
    if set(flat) == set(metrics) and all(updated & {id(v) for v in m.variables} for m in metrics.values()):
        del model._step_logs[kind]
        return
    for key, value in flat.items():
        value = ops.convert_to_tensor(value)
        value = ops.cast(value, "float64" if value.dtype == "float64" else "float32")
        shape = tuple(value.shape)
        if None in shape:
            raise ValueError(f"Value {key!r} of {METHODS[kind]} has a value per row, shape {shape}: reduce it first.")
        variable = kept.get(key)
        if variable is None or variable.shape != shape:
            variable = Variable(np.zeros(shape), dtype=str(value.dtype), trainable=False, name=f"{kind}_{key}")
        variable.assign(value)
        found[key] = variable
