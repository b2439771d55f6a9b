"""Trainer: compile, fit, evaluate and predict."""

from __future__ import annotations

import warnings

import numpy as np

from fastfit import config, optimizers
from fastfit import metrics as metrics_module
from fastfit._watch import version
from fastfit.data.dtypes import without_values
from fastfit.data.frames import is_table
from fastfit.data.make import is_iterable_data
from fastfit.graph import trace
from fastfit.graph.array import as_array
from fastfit.graph.reads import Record
from fastfit.graph.tensor import make_input
from fastfit.layers.call_context import context
from fastfit.layers.made_once import made_once
from fastfit.training import compile_arguments, loops
from fastfit.training.arguments import FitArguments, RunArguments, take_old_names
from fastfit.training.batch_api import BatchApi
from fastfit.training.columns import columns_of
from fastfit.training.custom_step import CustomSteps, overridden, owns_loss
from fastfit.training.exclusive import Busy, Exclusive, tracing
from fastfit.training.keras2 import Keras2Methods
from fastfit.training.keras2_compile import Keras2Arguments
from fastfit.training.objective import Objective
from fastfit.training.programs import Programs
from fastfit.training.step import trace_step
from fastfit.utils import nest, references
from fastfit.utils.dtypes import float_dtype
from fastfit.utils.registry import deserialize_keras_object, serialize_keras_object


class Trainer(Objective, BatchApi, Keras2Methods, CustomSteps):
    """Base of models that can be trained."""

    # Layers and variables are not looked for in what training keeps.
    _untracked_attributes = frozenset(
        {
            "optimizer",
            "history",
            "_compile_arguments",
            "_compile_config",
            "_steps",
            "_structure_at",
            "_fast",
            "_output_losses",
            "_output_metrics",
            "_loss_tracker",
            "_output_trackers",
            "_data_struct",
            "_settled_struct",
            "_fit_run",
            "_number_of",
            "_own_metrics",
            "_predict_struct",
            "_step_logs",
            "_traced_losses",
        }
    )

    # What training keeps besides: it says nothing about a program, or changes with `compile`, which forgets them all.
    _unwatched_attributes = _untracked_attributes - {"optimizer"} | {
        *("_busy", "_step_count", "_test_count", "_seed", "_initial_epoch", "_keras2", "compiled"),
        *("_masked_outputs", "_settled_names", "_run_options", "steps_per_execution"),
        *("stop_training", "stop_evaluating", "stop_predicting"),
    }

    def __init__(self):
        self.__dict__.update(
            optimizer=None,
            stop_training=False,
            stop_evaluating=False,
            stop_predicting=False,
            history=None,
            compiled=False,
            _compile_arguments=None,
            _steps=Programs(self),
            _structure_at=(0, None),
            _fast=None,
            _busy=Busy(),
            _step_count=0,
            _test_count=0,
            _seed=None,
            _initial_epoch=None,
            _fit_run=None,
            _output_losses=None,
            _output_metrics=None,
            _loss_tracker=None,
            _output_trackers=[],
            _number_of=None,
            _keras2=Keras2Arguments(),
            _own_metrics=[],
            _step_logs={},
            _traced_losses=[],
            steps_per_execution=1,
            _masked_outputs=False,
        )

    # Compiling -----------------------------------------------------------------------------------------------------

    @compile_arguments.accepts_keras_2_order
    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
        **keras2,
    ):
        """Say how the model is trained. Weights stay as they are.

        Parameters
        ----------
        optimizer : str, Optimizer, dict or None, default="rmsprop"
        loss : str, callable, Loss, list or dict, optional
            One per output; a dict names outputs.
        loss_weights : number, list or dict, optional
        metrics, weighted_metrics : list or dict, optional
            Names, functions (y_true, y_pred) or Metric objects. Weighted ones see sample weights.
        run_eagerly, jit_compile, auto_scale_loss
            Accepted for Keras's sake; programs are always native.
        steps_per_execution : int, default=1
            Batch hooks of callbacks are called every so many batches.
        **keras2
            ``sample_weight_mode`` (None, "temporal", list or dict) and ``target_tensors`` (arrays, variables or
            tensors of the model, one per output; targets for `fit` without `y`).

        Raises
        ------
        ValueError
            For unknown names, and lists or dicts that do not fit the outputs.
        """
        older = Keras2Arguments(keras2.pop("sample_weight_mode", None), keras2.pop("target_tensors", None))
        if keras2:
            raise ValueError(f"Unrecognized arguments of compile(): {sorted(keras2)}")
        if isinstance(steps_per_execution, bool) or not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(f"`steps_per_execution` must be a positive integer. Received: {steps_per_execution!r}")
        compile_arguments.check_modes(run_eagerly, jit_compile, auto_scale_loss)
        self._check_super_called()
        # everything is resolved before anything changes
        new_optimizer = _optimizer(optimizer)
        names = self._known_output_names()
        arguments = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        if names is None:
            compile_arguments.check_names(arguments)
        resolved = None if names is None else self._resolve(arguments, names)
        if names is not None:
            older.modes(names)
            self._target_model(older.symbolic(names))
        with self._exclusive("compile"):
            self.__dict__.update(
                optimizer=new_optimizer,
                _compile_arguments=arguments,
                _compile_config={
                    "optimizer": optimizer,
                    **arguments,
                    "run_eagerly": run_eagerly,
                    "steps_per_execution": steps_per_execution,
                    "jit_compile": jit_compile,
                },
                _keras2=older,
                steps_per_execution=steps_per_execution,
                _loss_tracker=metrics_module.Mean(name="loss"),
                _steps=Programs(self),
                _fast=None,
                _step_logs={},
                compiled=True,
            )
            self._set_resolved(resolved)
            self._note_metrics()

    def _change_loss(self, loss):
        """Take another loss; optimizer, metrics and loss weights stay."""
        arguments = {**self._compile_arguments, "loss": loss}
        names = self._known_output_names()
        losses = None if names is None else self._resolve(arguments, names)[0]
        with self._exclusive("the setting of `loss`"):
            config = {**self._compile_config, "loss": loss}
            self.__dict__.update(_compile_arguments=arguments, _compile_config=config, _step_logs={})
            self._set_resolved(None if names is None else (losses, self._output_metrics))
            self._steps.clear()

    def _resolve(self, arguments, names):
        struct = self._outputs_form()
        by_key = isinstance(struct, dict)
        if nest.is_nested(struct) and names == nest.paths(struct):
            arguments = {key: nest.by_path(value, struct) for key, value in arguments.items()}
        losses = compile_arguments.output_losses(arguments["loss"], arguments["loss_weights"], names, by_key)
        metrics = compile_arguments.output_metrics(arguments["metrics"], arguments["weighted_metrics"], names)
        return losses, metrics

    def _set_resolved(self, resolved):
        losses, metrics = resolved if resolved is not None else (None, None)
        trackers = []
        if losses is not None and sum(o.identifier is not None for o in losses) > 1:
            for name, o in zip(self._known_output_names(), losses, strict=True):
                trackers.append(None if o.identifier is None else metrics_module.Mean(name=f"{name}_loss"))
        self.__dict__.update(_output_losses=losses, _output_metrics=metrics, _output_trackers=trackers, _number_of=None)

    def _graph_model(self):
        """The functional model that defines inputs and outputs, or None."""
        model = self._model() if hasattr(self, "_model") else self
        return model if model is not None and "_outputs_struct" in model.__dict__ else None

    def _known_output_names(self):
        """Names of the outputs; None for a model that has not been built yet."""
        graph = self._graph_model()
        return list(graph.output_names) if graph is not None else self.__dict__.get("_settled_names")

    def _outputs_form(self):
        """The structure of the outputs, as far as it is known."""
        graph = self._graph_model()
        return graph._outputs_struct if graph is not None else self.__dict__.get("_settled_struct")

    def _build_on(self, x):
        """Build a model without fixed inputs on data of this form, and remember the form, and that of the outputs."""
        self.__dict__["_data_struct"] = nest.map_structure(lambda a: None, x)
        unnamed = self.compiled and self._known_output_names() is None
        if self.built and (not unnamed or owns_loss(self)):
            return
        inputs = nest.map_structure(lambda a: make_input((None, *a.shape[1:]), without_values(a.dtype.name)), x)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Shapes .* are broadcast")  # said when the step is traced
            outputs = self.compute_output_spec(inputs)
        if unnamed and self._graph_model() is None:
            self.__dict__["_settled_struct"] = nest.map_structure(lambda t: None, outputs)
            if not owns_loss(self):
                self._settle_outputs(len(nest.flatten(outputs)))

    def get_compile_config(self):
        """Return what `compile` was given, and the optimizer that came of it, as a config that JSON can hold.

        A model that is not compiled gives an empty dict.
        """
        if not self.compiled:
            return {}
        given = self._compile_given()
        if references.are_kept():
            given = nest.map_structure(lambda x: references.without_owner(x, self), given)
        return serialize_keras_object(given)

    def _compile_given(self):
        """What `compile` was given, with the optimizer that came of it."""
        return {**self._compile_config, "optimizer": self.optimizer}

    def compile_from_config(self, config):
        """Compile with what `get_compile_config` of a model returned: optimizer, losses and metrics are new ones."""
        if type(self).compile is not Trainer.compile and not references.are_kept():
            warnings.warn(
                f"Model '{self.name}' is not compiled: its class has a `compile()` of its own, so it must override "
                "`get_compile_config()` and `compile_from_config(config)`, too. Or call `compile()` yourself.",
                stacklevel=2,
            )
            return
        given = deserialize_keras_object(config)
        if references.are_kept():
            given = nest.map_structure(lambda x: references.with_owner(x, self), given)
        Trainer.compile(self, **given)

    def _check_compiled(self, method):
        self._check_super_called()
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{method}()`.")

    def _check_trains(self, method):
        self._check_compiled(method)
        # a step of the user's own may update variables by itself
        if self.optimizer is None and not overridden(self, "train_step"):
            raise ValueError(
                f"`{method}()` needs an optimizer, and `compile()` was given none: the model can only be evaluated and "
                "predict. Received: optimizer=None"
            )
        if self.optimizer is not None and not isinstance(self.optimizer, optimizers.Optimizer):
            raise ValueError(
                "`model.optimizer` must be an Optimizer: names and configs go to `compile(optimizer=...)` or "
                f"`optimizers.get(...)`. Received: model.optimizer={self.optimizer!r}"
            )

    def _exclusive(self, what, nested=False):
        return Exclusive(self._busy, what, self.name, self._accumulators if nested else None)

    # Steps ---------------------------------------------------------------------------------------------------------

    def _step(self, kind, x, y, w, batch):
        """The compiled step for data like this, traced and compiled at first use."""
        key = (
            kind,
            *columns_of(self, x, y, w),
            _bucket(batch),
        )
        step = self._steps.find(key)
        if step is None:
            with tracing:  # layers keep their losses while they are called
                step = self._steps.find(key) or self._make_step(key, batch)
        step.compiled.touch()
        return step

    def _make_step(self, key, batch):
        def trace_now():
            with Record() as record:
                step = trace_step(self, *key[:4], batch)
            step.made_from(record.reads(), self._structure_now())
            return step

        step = made_once(self, trace_now)
        self._steps.add(key, step)
        self._note_logs()
        return step

    def explain(self):
        """Return the listing of every program that this model has compiled so far.

        Returns
        -------
        str
            Stages, tiles, instructions, FLOPs and bytes; host instructions are marked.
        """
        listings = []
        for key, step in self._steps.items():
            batch = 2 ** (key[4] - 1)  # programs are kept by the power of two of their batch
            listings.append(f"{key[0]}: {step.compiled.explain(batch)}")
        return "\n".join(listings)

    def _structure_now(self):
        """The layers, the variables that are trained and Keras's epsilon, looked for when something has been set.

        As numbers that can be compared, and the objects themselves: while they are kept, no other has their numbers.
        """
        now = version()
        if self._structure_at[0] != now:
            layers = self._flatten_layers()
            found = [*layers, *self.trainable_variables]
            numbers = [*map(id, found), *(layer._structure for layer in layers), config.epsilon()]
            self.__dict__["_structure_at"] = now, (numbers, found)
        return self._structure_at[1]

    def _call_for_step(self, x, training):
        """The outputs for flat inputs, inside a trace."""
        return self(self._pack_inputs(x), training=training)

    def _pack_inputs(self, x):
        graph = self._graph_model()
        struct = graph._inputs_struct if graph is not None else self._data_struct
        return nest.pack_like(struct, x) if nest.is_nested(struct) else x[0]

    def _note_metrics(self):
        """Remember the metrics that the model and its layers hold in attributes."""
        layers = [layer for layer in self._flatten_layers() if hasattr(layer, "_attribute_objects")]
        found = {id(m): m for layer in layers for m in layer._attribute_objects(metrics_module.Metric)}
        self.__dict__["_own_metrics"] = list(found.values())

    def _target_floats(self, count):
        """For each output, the dtype that targets of floats and sample weights are fed in."""
        graph = self._graph_model()
        dtypes = [] if graph is None else [t.dtype for t in graph.outputs]
        return [float_dtype(d) for d in [*dtypes, *[self.dtype] * (count - len(dtypes))]]

    def _known_targets(self, x, y):
        """Targets that compile() was given, where fit is given none."""
        names = self._known_output_names()
        if y is not None or self._keras2.targets is None or names is None or is_iterable_data(x):
            return y
        return self._keras2.arrays(names) or None

    def _target_model(self, symbolic):
        """A model that computes targets from the inputs; None if there are none."""
        if not symbolic:
            return None
        graph = self._graph_model()
        try:
            return self._functional_class(graph.inputs, list(symbolic.values()))
        except ValueError as error:
            raise ValueError(f"`target_tensors` must be computed from the model's inputs: {error}") from None

    def _targets_of_step(self, x, y):
        """The targets of a step by output, inside a trace: those that are fed, or computed from the inputs."""
        names = self._known_output_names()
        symbolic = self._keras2.symbolic(names) if self._keras2.targets is not None and names is not None else {}
        wanted = {i: t for i, t in symbolic.items() if y[i] is None}
        if not wanted:
            return y
        values = nest.flatten(self._target_model(wanted)(nest.flatten(self._pack_inputs(x)), training=False))
        return [values[list(wanted).index(i)] if i in wanted else t for i, t in enumerate(y)]

    # Fitting -------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
        **old,
    ):
        """Train the model.

        Parameters
        ----------
        x, y : array, list, tuple or dict of arrays, or for `x` an iterable of batches (x, y) or (x, y, weight)
            Row i of all arrays belongs to sample i.
        batch_size : int, default=32
        epochs : int, default=1
            Number of the last epoch: training begins at `initial_epoch`.
        verbose : {"auto", 0, 1, 2}
        callbacks : list of Callback, optional
        validation_split : float, default=0
            This part of the rows, the last ones, is kept for validation.
        validation_data : tuple (x, y) or (x, y, weight), or an iterable of batches, optional
        shuffle : bool or "batch", default=True
        class_weight : dict, optional
            Class to weight.
        sample_weight : array, or a structure like `y`, optional
        initial_epoch : int, default=0
        steps_per_epoch, validation_steps : int, optional
        validation_batch_size : int, optional
        validation_freq : int or list of int, default=1
            Validate after every so many epochs, or after those listed (counted from 1).

        Returns
        -------
        History

        Raises
        ------
        ValueError
            For arguments or data that do not fit; the model is then as it was.
        RuntimeError
            If another thread is training this model.
        """
        epochs = take_old_names(old, epochs)
        self._check_trains("fit")
        with self._exclusive("fit"):
            given = FitArguments(
                x=x,
                y=self._known_targets(x, y),
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_split=validation_split,
                validation_data=validation_data,
                shuffle=shuffle,
                class_weight=class_weight,
                sample_weight=sample_weight,
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
                validation_freq=validation_freq,
            )
            return loops.fit(self, given)

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **unknown,
    ):
        """Return loss and metrics on data, in inference mode.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, callbacks
            As of `fit`.
        steps : int, optional
            Number of batches.
        return_dict : bool, default=False

        Returns
        -------
        float, list of float, or dict
            The loss alone, or loss and metrics in the order of `metrics_names`.
        """
        if unknown:
            raise ValueError(f"Arguments not recognized: {sorted(unknown)}")
        self._check_compiled("evaluate")
        with self._exclusive("evaluate", nested=True):
            y = self._known_targets(x, y)
            given = RunArguments(x, y, sample_weight, batch_size, verbose, steps, callbacks)
            logs = loops.evaluate(self, given)
        return logs if return_dict else self._as_list(logs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Return the outputs for data, in inference mode.

        Parameters
        ----------
        x : array, structure of arrays, or iterable of batches
        batch_size : int, default=32
        verbose, callbacks
            As of `fit`.
        steps : int, optional
            Number of batches.

        Returns
        -------
        array, or arrays in the structure of the outputs
        """
        self._check_super_called()
        return loops.predict(self, RunArguments(x, None, None, batch_size, verbose, steps, callbacks))

    def __call__(self, *args, **kwargs):
        """The outputs: arrays for arrays, computed natively in inference mode; tensors for tensors."""
        try:
            fast = self._fast
        except AttributeError:
            self._check_super_called()
            raise
        # inside another layer's call or a trace, the training flag, masks and gradients matter
        if fast is not None and len(args) == 1 and not kwargs and not context.depth and not trace.active:
            out = fast(args[0])
            if out is not None:
                return out
        if len(args) == 1 and not kwargs and self.built and not context.depth and trace.current() is None:
            # Outputs with masks are computed layer by layer, since programs give plain arrays.
            if _all_data(args[0]) and not self._masked_outputs:
                outputs = self.predict_on_batch(args[0])
                if not self._masked_outputs:  # known once the step is traced
                    return nest.map_structure(as_array, outputs)
        return super().__call__(*args, **kwargs)

    _kind = "model"

    def _known_variables(self):
        known = [*self.variables, *(v for m in self.metrics for v in m.variables)]
        known += self.optimizer.variables if self.optimizer is not None else []
        return known + [v for logs in self._step_logs.values() for v in logs.values()]

    def _prepare_fast(self, step):
        """Keep the shortest way for one float32 array in, one array out."""
        if not self._masked_outputs:
            predictor = step.compiled.predictor()
            if predictor is not None:
                predictor.reads = step.reads
                self.__dict__["_fast"] = predictor


def _bucket(batch):
    """Programs are planned for a batch size up to a factor of two."""
    return int(batch).bit_length()


def _all_data(x):
    """Whether all of an argument are arrays, frames or series."""
    return _is_data(x) or (nest.is_nested(x) and all(map(_is_data, nest.flatten(x))))


def _is_data(x):
    return isinstance(x, np.ndarray) or is_table(x)


def _optimizer(identifier):
    if identifier is None:
        return None
    if isinstance(identifier, type):
        raise ValueError(
            f"Could not interpret optimizer identifier: {identifier}. Expected a name or an instance, not a class."
        )
    return optimizers.get(identifier)
