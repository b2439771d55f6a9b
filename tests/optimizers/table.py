"""The table of optimizers and schedules: every public name with the arguments that the oracle is asked about."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One optimizer with its arguments.

    Attributes
    ----------
    name : str
    arguments : dict
        A schedule is ("schedule", name, arguments); an inner optimizer is a `Row`.
    rtol : float
        Relative tolerance against Keras; absolute is a tenth of it.
    excluded : str
        Pattern of variables that are exempt from weight decay.
    constrained : bool
        Whether the kernels of the net in `test_optimizers_in_fit` have constraints.
    host : str
        Why a part of it is not in the compiled program, a pattern of the host instruction's label.
    """

    name: str
    arguments: dict = field(default_factory=dict)
    rtol: float = 2e-6
    excluded: str = ""
    constrained: bool = False
    host: str = ""

    def make(self, module):
        """Make it with the optimizers of a library."""
        optimizer = getattr(module, self.name)(**{k: made(v, module) for k, v in self.arguments.items()})
        if self.excluded:
            optimizer.exclude_from_weight_decay(var_names=[self.excluded])
        return optimizer

    def __str__(self):
        parts = [f"{k}={v}" for k, v in self.arguments.items()]
        parts += [self.excluded and f"without {self.excluded}", self.constrained and "constrained"]
        return f"{self.name}({', '.join(p for p in parts if p)})"


def made(value, module):
    """Make what an argument describes."""
    if isinstance(value, Row):
        return value.make(module)
    if isinstance(value, tuple) and value[:1] == ("schedule",):
        return getattr(module.schedules, value[1])(*value[2])
    if isinstance(value, tuple) and value[:1] == ("map",):
        return module.OptimizerMap(value[1].make(module), {k: v.make(module) for k, v in value[2].items()})
    return value


SCALARS = "scalars of the step"
EXPONENTIAL = ("schedule", "ExponentialDecay", (0.05, 3, 0.5))

OPTIMIZERS = [
    # each by itself
    Row("SGD"),
    Row("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    Row("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    Row("RMSprop"),
    Row("RMSprop", {"momentum": 0.5, "rho": 0.8}),
    Row("RMSprop", {"centered": True, "epsilon": 1e-3}, rtol=1e-5),
    Row("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.01, "epsilon": 1e-3}, rtol=1e-5),
    Row("Adam", {"learning_rate": 0.01}),
    Row("Adam", {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}),
    Row("AdamW"),
    Row("AdamW", {"learning_rate": 0.02, "weight_decay": 0.3}),
    Row("Adamax", {"learning_rate": 0.01}),
    Row("Adamax", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.1}),
    Row("Nadam", {"learning_rate": 0.01}, rtol=5e-6),
    Row("Nadam", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.1}, rtol=5e-6),
    Row("Adagrad", {"learning_rate": 0.05}),
    Row("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3, "weight_decay": 0.1}),
    Row("Adadelta", {"learning_rate": 1.0}),
    Row("Adadelta", {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-4, "weight_decay": 0.1}),
    Row("Ftrl", {"learning_rate": 0.05}, rtol=1e-5),
    Row(
        "Ftrl",
        {
            "learning_rate": 0.1,
            "l1_regularization_strength": 0.01,
            "l2_regularization_strength": 0.02,
            "l2_shrinkage_regularization_strength": 0.03,
            "beta": 0.1,
        },
        rtol=1e-5,
    ),
    Row("Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.7, "initial_accumulator_value": 0.5}, rtol=1e-5),
    Row("Ftrl", {"learning_rate": 0.1, "learning_rate_power": 0.0, "weight_decay": 0.1}, rtol=1e-5),
    Row("Lion"),
    Row("Lion", {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.8, "weight_decay": 0.1}),
    Row("Lamb", {"learning_rate": 0.01}, rtol=1e-5, host=f"{SCALARS}|greater|where|logical_and"),
    Row("Lamb", {"beta_1": 0.8, "epsilon": 1e-3, "weight_decay": 0.1}, rtol=1e-5, host=f"{SCALARS}|greater|where|log"),
    Row("Adafactor", {"learning_rate": 0.05}, rtol=1e-5, host=f"{SCALARS}|mean"),
    Row(
        "Adafactor",
        {"beta_2_decay": -0.6, "epsilon_2": 1e-2, "clip_threshold": 0.5, "relative_step": False, "weight_decay": 0.1},
        rtol=1e-5,
        host=f"{SCALARS}|mean",
    ),
    Row("Muon", {"learning_rate": 0.01}, rtol=1e-4, host="transpose"),
    Row(
        "Muon",
        {
            "momentum": 0.8,
            "nesterov": False,
            "rms_rate": None,
            "ns_steps": 3,
            "adam_lr_ratio": 0.5,
            "weight_decay": None,
        },
        rtol=1e-4,
        host=f"transpose|{SCALARS}",
    ),
    Row("Muon", {"exclude_layers": ["kernel", "dense"], "adam_weight_decay": None}, rtol=1e-5),
    Row("ScheduleFreeAdamW", {}, rtol=1e-5),
    Row(
        "ScheduleFreeAdamW",
        {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3, "warmup_steps": 3, "weight_decay": 0.1},
        rtol=1e-5,
    ),
    # options that all share
    Row("SGD", {"learning_rate": 0.5, "clipnorm": 0.1}),
    Row("SGD", {"learning_rate": 0.5, "global_clipnorm": 0.1}),
    Row("SGD", {"learning_rate": 0.5, "clipvalue": 0.02}),
    Row("Adam", {"global_clipnorm": 0.5, "weight_decay": 0.1}),
    Row("Adagrad", {"clipnorm": 0.2}),
    Row("Adam", {"weight_decay": 0.1}, excluded="bias"),
    Row("Muon", {"weight_decay": 0.1}, rtol=1e-4, excluded="kernel", host="transpose"),
    Row("SGD", {"use_ema": True}),
    Row("Adam", {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3}),
    Row("Adam", {"gradient_accumulation_steps": 2}),
    Row("Nadam", {"gradient_accumulation_steps": 3, "learning_rate": 0.01}, rtol=5e-6),
    Row("SGD", {"gradient_accumulation_steps": 3, "momentum": 0.9, "weight_decay": 0.1, "clipnorm": 0.1}),
    Row(
        "RMSprop",
        {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2, "global_clipnorm": 0.3},
        constrained=True,
        host="clip",
    ),
    Row("Lamb", {"gradient_accumulation_steps": 2}, rtol=1e-5, host=f"{SCALARS}|greater|where|log"),
    Row("Adam", {"loss_scale_factor": 8.0}),
    Row(
        "SGD",
        {"learning_rate": 0.3, "loss_scale_factor": 4.0, "clipvalue": 0.05, "use_ema": True},
        constrained=True,
        host="clip",
    ),
    Row("Adam", {"learning_rate": 0.05}, constrained=True, host="clip"),
    Row("SGD", {"learning_rate": EXPONENTIAL}),
    Row("Adam", {"learning_rate": ("schedule", "CosineDecay", (0.0, 10, 0.1, "c", 0.05, 4)), "weight_decay": 0.1}),
    Row("Ftrl", {"learning_rate": ("schedule", "PolynomialDecay", (0.2, 10)), "beta": 0.1}, rtol=1e-5),
    Row("Adam", {"learning_rate": EXPONENTIAL, "gradient_accumulation_steps": 2, "weight_decay": 0.1}),
    Row("Lamb", {"learning_rate": EXPONENTIAL}, rtol=1e-5, host=f"{SCALARS}|greater|where|log"),
    # optimizers in others
    Row("LossScaleOptimizer", {"inner_optimizer": Row("Adam", {"learning_rate": 0.01})}),
    Row(
        "MultiOptimizer",
        {"optimizer_map": ("map", Row("Adam"), {".*bias": Row("SGD", {"learning_rate": EXPONENTIAL})})},
    ),
    Row(
        "MultiOptimizer",
        {
            "optimizer_map": (
                "map",
                Row("SGD", {"gradient_accumulation_steps": 2, "momentum": 0.9}),
                {".*kernel": Row("Nadam", {"use_ema": True, "ema_momentum": 0.5})},
            ),
            "loss_scale_factor": 2.0,
        },
        rtol=5e-6,
    ),
]

SCHEDULES = [
    ("ExponentialDecay", (0.1, 10, 0.5)),
    ("ExponentialDecay", (0.1, 10, 0.5, True)),
    ("InverseTimeDecay", (0.1, 10, 0.5)),
    ("InverseTimeDecay", (0.1, 10, 0.5, True)),
    ("PolynomialDecay", (0.1, 10)),
    ("PolynomialDecay", (0.1, 10, 0.001, 2.0, True)),
    ("PiecewiseConstantDecay", ([3, 7], [0.1, 0.01, 0.001])),
    ("CosineDecay", (0.1, 10)),
    ("CosineDecay", (0.1, 10, 0.1, "x", 0.5, 5)),
    ("CosineDecayRestarts", (0.1, 5)),
    ("CosineDecayRestarts", (0.1, 5, 1.0, 0.5)),
    ("CosineDecayRestarts", (0.1, 5, 2.0, 0.5, 0.1)),
]

# Public names without a row, and why.
WITHOUT_ROW = {
    "Optimizer": "the base class: test_custom.py",
    "OptimizerMap": "no optimizer by itself: in the rows of MultiOptimizer, and in test_multi.py",
    "LearningRateSchedule": "the base class: test_custom.py",
    "legacy": "a module: test_names.py",
    "schedules": "a module",
    "get": "a function: test_names.py",
    "serialize": "a function: test_names.py",
    "deserialize": "a function: test_names.py",
}
