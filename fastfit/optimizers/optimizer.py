"""Optimizer: what all optimizers share."""

import re

import numpy as np

from fastfit import ops
from fastfit._watch import Watched
from fastfit.graph import trace
from fastfit.graph.variable import Variable
from fastfit.optimizers.helpers import clip_by_norm, drop_missing, only_if, take_legacy
from fastfit.optimizers.learning_rate import HasLearningRate, rate_variable
from fastfit.optimizers.schedules import LearningRateSchedule
from fastfit.optimizers.schedules import deserialize as deserialize_schedule
from fastfit.optimizers.schedules import serialize as serialize_schedule
from fastfit.optimizers.state import HasVariables
from fastfit.utils.naming import auto_name, name_scope
from fastfit.utils.registry import get_registered_name, get_registered_object


class Optimizer(HasVariables, HasLearningRate, Watched):
    """Base of optimizers. A subclass makes its slots in `build` and changes one variable in `update_step`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable without arguments
    weight_decay : float, optional
        ``w -= w * weight_decay * learning_rate`` before each update.
    clipnorm : float, optional
        Largest norm of each gradient.
    clipvalue : float, optional
        Largest absolute value of each gradient's elements.
    global_clipnorm : float, optional
        Largest norm of all gradients together. At most one of the three.
    use_ema : bool, default=False
        Keep moving averages of the variables.
    ema_momentum : float, default=0.99
    ema_overwrite_frequency : int, optional
        Steps between overwriting the variables with their averages.
    loss_scale_factor : float, optional
        The loss is multiplied by it, and the gradients divided again.
    gradient_accumulation_steps : int, optional
        Calls whose gradients are averaged into one update; at least 2.
    name : str, optional
    """

    _unwatched_attributes = frozenset(
        {"_ready", "_trainable_variables", "_index", "_slots", "_variables", "name", "_built", "built", "_built_with"}
    )

    # Settings that make `build` add variables for each weight.
    _slot_settings = ("use_ema", "gradient_accumulation_steps")

    def __setattr__(self, name, value):
        if "_ready" not in self.__dict__ and name != "_ready":
            raise RuntimeError(
                f"In optimizer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement "
                "in the `__init__()` method. Go add it!"
            )
        if isinstance(value, Variable) and not any(value is v for v in self.__dict__.get("_variables", (value,))):
            self._variables.append(value)
        super().__setattr__(name, value)

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        self._ready = True
        learning_rate, self.decay = take_legacy(learning_rate, kwargs)
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        self.name = auto_name(type(self).__name__) if name is None else name
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check_arguments()
        self.built = False
        self._trainable_variables = []
        self._index = {}
        self._slots = {}
        self._excluded_ids = set()
        self._excluded_pattern = None
        self._model_variables_moving_average = []
        self._accumulated_gradients = []
        with name_scope(self.name, absolute=True):
            self._iterations = Variable(np.zeros((), "int64"), dtype="int64", trainable=False, name="iteration")
        self._variables = [self._iterations]  # a variable that becomes an attribute from here on joins them
        if isinstance(learning_rate, dict):
            learning_rate = deserialize_schedule(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule) or callable(learning_rate):
            self._learning_rate = learning_rate
        else:
            with name_scope(self.name, absolute=True):
                self._learning_rate = rate_variable(learning_rate)

    def _check_arguments(self):
        steps = self.gradient_accumulation_steps
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 2):
            raise ValueError(
                f"`gradient_accumulation_steps` must be an integer >= 2. Received: gradient_accumulation_steps={steps}"
            )
        if self.use_ema:
            if not 0 <= self.ema_momentum <= 1:
                raise ValueError(
                    f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={self.ema_momentum}"
                )
            frequency = self.ema_overwrite_frequency
            if frequency is not None and (not isinstance(frequency, int) or frequency < 1):
                raise ValueError(
                    "`ema_overwrite_frequency` must be an integer >= 1 or None. "
                    f"Received: ema_overwrite_frequency={frequency}"
                )
        clips = {k: getattr(self, k) for k in ("clipnorm", "clipvalue", "global_clipnorm")}
        if sum(v is not None for v in clips.values()) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: {', '.join(f'{k}={v}' for k, v in clips.items())}."
            )

    # Variables -----------------------------------------------------------------------------------------------------

    @property
    def iterations(self):
        """Number of updates so far."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    def build(self, variables):
        """Make the slots for a list of variables. A second call makes none, and raises if settings now need more."""
        if self.built:
            self._check_slots()
            return
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}
        if self.use_ema:
            self._model_variables_moving_average = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated_gradients = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._built_with = {name for name in self._slot_settings if getattr(self, name)}
        self.built = True
        self._build_slots(self._trainable_variables)

    def _check_slots(self):
        """Refuse settings that have been changed and need slots which `build` has not made."""
        for name in self._slot_settings:
            value = getattr(self, name)
            if value and name not in self.__dict__.get("_built_with", (name,)):
                raise ValueError(
                    f"`{name}` needs variables of its own for each weight, and this {type(self).__name__} was built "
                    f"without them. Make a new optimizer with it, and compile the model with that. Received: "
                    f"{name}={value}"
                )

    def _build_slots(self, variables):
        """Make the slots of this kind of optimizer."""

    def _get_variable_index(self, variable):
        return self._index[id(variable)]

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Exempt variables from weight decay; to be called before `build`.

        Parameters
        ----------
        var_list : list of Variable, optional
        var_names : list of str, optional
            Regular expressions searched for in variables' names.
        """
        if self.built:
            raise ValueError("`exclude_from_weight_decay()` can only be configured before the optimizer is built.")
        self._excluded_ids = {id(v) for v in var_list or ()}
        self._excluded_pattern = re.compile("|".join(var_names)) if var_names else None

    def uses_weight_decay(self, variable):
        """Whether weight decay acts on the variable."""
        return self.weight_decay is not None and not self.is_excluded_from_weight_decay(variable)

    def is_excluded_from_weight_decay(self, variable):
        """Whether `exclude_from_weight_decay` named the variable."""
        if id(variable) in self._excluded_ids:
            return True
        return self._excluded_pattern is not None and self._excluded_pattern.search(variable.name) is not None

    def weight_decay_of(self, variable):
        """Return the weight decay of a variable, 0.0 if it has none."""
        return float(self.weight_decay) if self.uses_weight_decay(variable) else 0.0

    # Updates -------------------------------------------------------------------------------------------------------

    def update_step(self, gradient, variable, learning_rate):
        """Change a variable, given its gradient.

        Called with arrays, or, while a training step is compiled, with symbolic tensors.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update_step().")

    def update_steps(self, grads, variables, learning_rate):
        """Change all variables: `update_step` for each."""
        for g, v in zip(grads, variables, strict=True):
            self.update_step(g, v, learning_rate)

    def assign(self, variable, value):
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable, value):
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        """Subtract from a variable."""
        variable.assign_sub(value)

    def apply_gradients(self, grads_and_vars):
        """Update variables from pairs (gradient, variable)."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(list(grads), list(variables))
        return self._iterations

    def apply(self, grads, trainable_variables=None):
        """Update variables from their gradients.

        Parameters
        ----------
        grads : list
            None where a variable has no gradient.
        trainable_variables : list of Variable, optional
            Those that the optimizer was built with by default.
        """
        grads = list(grads)
        if not grads:
            return
        current = trace.current()
        if current is not None and current.on_apply is not None:  # a step is traced: the program will do it
            current.on_apply(self, grads, trainable_variables)
            return
        self._apply(grads, trainable_variables)

    def _apply(self, grads, trainable_variables):
        grads, variables = drop_missing(grads, self.settle(grads, trainable_variables))
        if self.loss_scale_factor is not None:
            grads = [g / self.loss_scale_factor for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._update(grads, variables)
        if self.use_ema:
            self._update_averages()
        for v in variables:
            if v.constraint is not None:
                v.assign(v.constraint(v))
        self._iterations.assign_add(1)

    def settle(self, grads, trainable_variables):
        """Return the variables that gradients belong to; the optimizer is built for them if it is not yet."""
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be built on a list of "
                    "variables. Call `optimizer.build(trainable_variables)` first."
                )
            variables = self._trainable_variables
            if len(grads) != len(variables):
                raise ValueError(
                    "The gradients must match the optimizer's variables one-to-one. Received a list of "
                    f"{len(grads)} gradients, but the optimizer is tracking {len(variables)} trainable variables."
                )
            return variables
        variables = list(trainable_variables)
        self.build(variables)
        self.check_known(variables)
        return variables

    def check_known(self, variables):
        """Raise ValueError if the optimizer was not built for one of the variables."""
        for v in variables:
            if id(v) not in self._index:
                raise ValueError(
                    f"Unknown variable: {v}. This optimizer can only be called for the variables it was originally "
                    "built with. When working with a new set of variables, you should recreate a new optimizer "
                    "instance."
                )

    def _update(self, grads, variables):
        rate = self.learning_rate
        rate = rate.value if isinstance(rate, Variable) else rate
        self.decay_and_update(self.clip_gradients(grads), variables, rate)

    def decay_and_update(self, grads, variables, rate):
        """Weight decay, then the update, from gradients that are clipped already."""
        for v in variables:
            decay = self.weight_decay_of(v)
            if decay:
                v.assign(v - v * ops.cast(decay, v.dtype) * ops.cast(rate, v.dtype))
        self.update_steps(grads, variables, rate)

    def _accumulate(self, grads, variables):
        steps = self.gradient_accumulation_steps
        sums = [self._accumulated_gradients[self._get_variable_index(v)] for v in variables]
        due = ops.equal((self._iterations + 1) % steps, 0)
        totals = [a + g for a, g in zip(sums, grads, strict=True)]
        only_if(due, lambda: self._update([t / steps for t in totals], variables))
        for a, total in zip(sums, totals, strict=True):
            a.assign(ops.where(due, ops.zeros_like(total), total))

    def clip_gradients(self, grads):
        """Return the gradients clipped as the arguments say."""
        if self.clipnorm and self.clipnorm > 0:
            return [clip_by_norm(g, self.clipnorm) for g in grads]
        if self.global_clipnorm and self.global_clipnorm > 0:
            norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in grads))
            scale = self.global_clipnorm * ops.minimum(1.0 / norm, 1.0 / self.global_clipnorm)
            # A norm that is not finite makes every gradient NaN, so that the fault shows.
            scale = scale + (norm - norm)
            return [g * scale for g in grads]
        if self.clipvalue and self.clipvalue > 0:
            return [ops.minimum(ops.maximum(g, -self.clipvalue), self.clipvalue) for g in grads]
        return grads

    def _update_averages(self):
        later = ops.not_equal(self.iterations, 0)
        for v, average in zip(self._trainable_variables, self._model_variables_moving_average, strict=True):
            momentum = ops.cast(later, v.dtype) * self.ema_momentum
            average.assign(momentum * average + (1.0 - momentum) * v)
        if self.ema_overwrite_frequency:
            due = ops.equal((self.iterations + 1) % self.ema_overwrite_frequency, 0)
            only_if(due, self._overwrite_with_averages)

    def _overwrite_with_averages(self):
        for v, average in zip(self._trainable_variables, self._model_variables_moving_average, strict=True):
            v.assign(average.value)

    def finalize_variable_values(self, var_list):
        """Set the variables to their averages, if `use_ema` keeps some; called when training ends."""
        if self.use_ema and self.built:
            self._overwrite_with_averages()

    def scale_loss(self, loss):
        """Return the loss times ``loss_scale_factor``."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # Native form ---------------------------------------------------------------------------------------------------

    @property
    def acting(self):
        """The optimizer that does the work: itself, or the one that it wraps."""
        return self

    def native(self, variable=None):
        """Return (opcode, hyper-parameters) of the kernel that updates a variable, or None if there is none.

        Parameters
        ----------
        variable : Variable, optional
            Weight decay is 0 for one that is exempt.
        """
        return None

    def native_slots(self, variable_index):
        """Return the slots of a variable in the kernel's order."""
        return []

    def native_state(self):
        """Return the scalar variable that the kernel keeps, or None."""
        return None

    def _native_weight_decay(self, variable):
        if variable is None:
            return float(self.weight_decay or 0.0)
        return self.weight_decay_of(variable)

    # Saving --------------------------------------------------------------------------------------------------------

    def get_config(self):
        """Return what `from_config` needs to make this optimizer anew."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate.numpy())
        elif isinstance(rate, LearningRateSchedule):
            rate = serialize_schedule(rate)
        elif get_registered_object(get_registered_name(rate)) is rate:
            rate = get_registered_name(rate)
        config = {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }
        return {**config, "decay": self.decay} if self.decay else config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make an optimizer from what `get_config` returned."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": deserialize_schedule(rate, custom_objects)}
        elif isinstance(rate, str):
            config = {**config, "learning_rate": get_registered_object(rate, custom_objects) or rate}
        return cls(**config)
