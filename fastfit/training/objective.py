"""The scalar that a step minimises, and the quantities that it reports."""

from __future__ import annotations

import warnings

import numpy as np

from fastfit import ops
from fastfit.graph import trace
from fastfit.graph.differentiate import blocking_ops
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor
from fastfit.metrics import Mean
from fastfit.training.pairs import check_metric
from fastfit.utils import nest
from fastfit.utils.naming import name_scope
from fastfit.utils.returned import must_return


class Objective:
    """Loss, metrics and logs of a compiled model."""

    def _settle_outputs(self, count):
        """Resolve compile's arguments for a model whose outputs were not known then."""
        if self._output_losses is None:
            names = self._known_output_names() or self._names_by_form(count)
            self.__dict__["_settled_names"] = names
            self._set_resolved(self._resolve(self._compile_arguments, names))

    def _names_by_form(self, count):
        """Names of the outputs of a model without a graph: the keys of the dict that it returns."""
        struct = self._outputs_form()
        if nest.is_nested(struct) and len(nest.flatten(struct)) == count:
            if isinstance(struct, dict) or any(map(nest.is_nested, struct)):
                return nest.paths(struct)
        return [f"output_{i + 1}" for i in range(count)]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the scalar loss: weighted losses of the outputs, added losses, regularizers.

        Parameters
        ----------
        x : input, or structure of inputs
            Its batch size weighs this batch in the epoch's mean.
        y, y_pred, sample_weight : structures of outputs
        training : bool
        """
        first = nest.flatten(x)[0] if x is not None else nest.flatten(y_pred)[0]
        return self._total_loss(first, nest.flatten(y), nest.flatten(y_pred), nest.flatten(sample_weight))

    def _total_loss(self, x, y, y_pred, w):
        terms = []
        self.__dict__["_traced_losses"] = []
        w = list(w) + [None] * (len(y_pred) - len(w))
        for i, (o, target, p, weight) in enumerate(zip(self._output_losses, y, y_pred, w, strict=True)):
            if o.identifier is None:
                continue
            if target is None:
                raise ValueError(
                    f"Output '{self._known_output_names()[i]}' has a loss but no target. Received: y=None for it. "
                    "Give fit() a target for every output with a loss, or no loss to that output."
                )
            name = self._known_output_names()[i]
            try:
                with name_scope(f"{name}_loss", absolute=True):
                    value = o(target, p, weight)
            except ValueError as error:
                if type(error) is ValueError:  # its traceback stays: it leads to the user's function
                    error.args = (f"In the loss of output '{name}': {error}",)
                raise
            if np.shape(value) if not isinstance(value, KerasTensor) else value.shape:
                raise ValueError(
                    f"The loss of output '{name}' must be one number per batch, but has shape "
                    f"{tuple(value.shape)}. Give it a reduction such as 'sum_over_batch_size'. Received: "
                    f"reduction={getattr(o.function, 'reduction', None)!r}"
                )
            if isinstance(value, KerasTensor) and isinstance(p, KerasTensor):
                self._traced_losses.append((name, value, p))
            if self._output_trackers and self._output_trackers[i] is not None:
                _track(self._output_trackers[i], value, x)
            terms.append(value if o.weight is None else value * o.weight)
        terms += [_as_float(v) if v.shape == () else ops.sum(v) for v in self.losses]
        if not terms:
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, or add one with `add_loss()` or a "
                "regularizer."
            )
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def _loss_of_step(self, x, y, y_pred, w, training):
        """Loss of a step inside a trace; trackers and metrics get their updates."""
        self._settle_outputs(len(y_pred))
        if len(y) != len(y_pred) and any(t is not None for t in y):
            raise ValueError(f"The model has {len(y_pred)} outputs, but {len(y)} targets were given.")
        loss = self._total_loss(x, y, y_pred, w)
        if not training:
            self._traced_losses.clear()
        _track(self._loss_tracker, loss, x)
        self._update_metrics(y, y_pred, w)
        return loss

    def _track_loss(self, loss, x, y_pred):
        first = nest.flatten(x)[0] if x is not None else nest.flatten(y_pred)[0]
        _track(self._loss_tracker, loss, first)

    def _update_metrics(self, y, y_pred, w):
        w = list(w) + [None] * (len(y_pred) - len(w))
        for m in self._output_metrics or ():
            target = y[m.output]
            if target is None:
                continue
            known = m.metric is not None
            metric = m.resolve(target, y_pred[m.output])
            if not known:
                m.warn_if_ambiguous(self._output_losses[m.output].function)
            _widen(metric, y_pred[m.output])
            with name_scope(m.key or m.name, absolute=True):
                weight = w[m.output] if m.weighted else None
                try:
                    check_metric(metric, target, y_pred[m.output])
                    metric.update_state(target, y_pred[m.output], sample_weight=weight)
                except (ValueError, TypeError, NotImplementedError) as error:
                    if type(error) in (ValueError, TypeError, NotImplementedError):
                        name = self._known_output_names()[m.output]
                        shapes = f"y_true.shape={tuple(target.shape)}, y_pred.shape={tuple(y_pred[m.output].shape)}"
                        shapes = "" if "shape=" in str(error) else f" Received: {shapes}"
                        error.args = (f"In the metric '{m.key}' of output '{name}': {error}{shapes}",)
                    raise

    def _usable_gradients(self, pairs, loss, read):
        """Drop variables that the loss does not depend on, with a warning; all of them is an error.

        pairs: (variable, gradient or None); loss: the tensor that was differentiated; read: variable to tensor.
        """
        missing = [v.path for v, g in pairs if g is None]
        if len(missing) == len(pairs):
            targets = list(read.values())
            blocking = blocking_ops(loss, targets) if isinstance(loss, KerasTensor) and targets else []
            raise ValueError(
                "No gradients provided for any variable: the loss "
                + (_through(blocking) if blocking else f"depends on none of {missing}.")
            )
        if missing:
            warnings.warn(f"Gradients do not exist for variables {missing} when minimizing the loss.", stacklevel=2)
        for name, value, y_pred in self._traced_losses:
            blocking = blocking_ops(value, [y_pred])
            if blocking:
                warnings.warn(f"The loss of output '{name}' trains nothing: it {_through(blocking)}", stacklevel=2)
        self._traced_losses.clear()
        return [(v, g) for v, g in pairs if g is not None]

    # Logs ----------------------------------------------------------------------------------------------------------

    def _trackers(self):
        """(key, metric) in the order of compile(): loss, metrics, losses of the outputs."""
        found = [("loss", self._loss_tracker)]
        metrics = [(m.key, m.metric) for m in self._output_metrics or () if m.metric is not None]
        losses = [(t.name, t) for t in self._output_trackers if t is not None]
        losses += [(m.name, m) for m in self._own_metrics]
        if len(self._known_output_names() or ()) > 1:
            return found + losses + sorted(metrics, key=lambda pair: pair[0])
        return found + metrics + losses

    @property
    def metrics(self):
        """The loss tracker and all compiled metrics."""
        return [metric for _, metric in self._trackers()] if self._loss_tracker is not None else []

    @property
    def metrics_names(self):
        """Keys of the logs, in the order of `evaluate`'s list."""
        return [key for key, _ in self._trackers()] if self._loss_tracker is not None else []

    def reset_metrics(self):
        """Forget what losses and metrics have added up."""
        for metric in self.metrics:
            metric.reset_state()

    def _accumulators(self):
        """The variables of all losses, metrics and values that custom steps show."""
        metrics = {id(m): m for m in (*self.metrics, *self._own_metrics, *(m for _, m in self._trackers()))}
        found = {id(v): v for m in metrics.values() if m is not None for v in m.variables}
        found.update((id(v), v) for logs in self._step_logs.values() for v in logs.values())
        return list(found.values())

    def get_metrics_result(self):
        """Return the running values of this epoch, by key; tensors while a step is traced."""
        traced = trace.active and trace.current() is not None
        numbers = None if traced else self._number_of
        if numbers is not None:
            return {key: mean.number() for key, mean in numbers}
        logs = {}
        number = (lambda value: value) if traced else _number
        for key, metric in self._shown():
            value = must_return(metric.result(), f"`result()` of metric '{key}'", "its value")
            if isinstance(value, dict):
                logs.update({k: number(v) for k, v in value.items()})
            else:
                logs[key] = number(value)
        return dict(sorted(logs.items()))

    def _metrics_are_known(self):
        """Whether all metrics are there: some are chosen by the shapes of the first batch."""
        return self._output_metrics is not None and all(m.metric is not None for m in self._output_metrics)

    def _note_logs(self):
        """When all metrics are means, remember how their numbers are had: batch hooks want them at every step."""
        shown = self._shown() if self._loss_tracker is not None and self._output_metrics is not None else []
        plain = [isinstance(m, Mean) and type(m).result is Mean.result for _, m in shown]
        fast = shown and self._metrics_are_known() and all(plain)
        self.__dict__["_number_of"] = sorted(dict(shown).items()) if fast else None

    def _running_means(self, kind):
        """(key, sum, count) of every log, where all of them are float32 quotients of float64 memory; or None."""
        means = None if kind in self._step_logs else self._number_of
        if means is None or not all(type(m).number is Mean.number and m.dtype == "float32" for _, m in means):
            return None
        return [(key, m.total._storage, m.count._storage) for key, m in means]

    def _shown(self):
        """(key, metric) of the logs: by compile(), unless a subclass has a `metrics` of its own."""
        if type(self).metrics is Objective.metrics:
            return self._trackers()
        return [(m.name, m) for m in self.metrics]

    def _logs(self, kind="train"):
        if kind in self._step_logs:  # what the last batch of the user's own step returned
            return {key: _number(v.numpy()) for key, v in self._step_logs[kind].items()}
        return self.get_metrics_result()

    def _as_list(self, logs):
        keys = [k for k in self.metrics_names if k in logs] + [k for k in logs if k not in self.metrics_names]
        values = [logs[k] for k in keys]
        return values[0] if len(values) == 1 else values


def _as_float(value):
    return value if str(value.dtype) in ("float32", "float64") else ops.cast(value, "float32")


def _through(names):
    listed = ", ".join(f"'{name}'" for name in names)
    return (
        f"reaches the model's outputs only through {listed}, which changes in steps and so has no gradient. Replace it "
        "by something smooth, or add the value as a metric instead."
    )


def _number(value):
    value = np.asarray(value)
    return float(value) if value.ndim == 0 else value


def _widen(metric, value):
    """Results of what is computed in float64 are not rounded to float32, unless the metric was given that dtype."""
    if value.dtype == "float64" and metric.dtype == "float32" and metric._follows:
        metric._dtype = "float64"


def _track(tracker, value, x):
    """Add a batch's value to a mean over samples: the batch counts by its rows."""
    if not isinstance(value, KerasTensor):
        value = ops.convert_to_tensor(value)
    rows = apply("cast", apply("batch_size", x), dtype="float64")
    _widen(tracker, value)
    tracker.total.assign(tracker.total + apply("cast", value, dtype="float64") * rows)
    tracker.count.assign(tracker.count + rows)
