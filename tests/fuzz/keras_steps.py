"""What random models are made of: the same layers, functions, losses and metrics from either library."""

import functools

import numpy as np

WIDTHS = (1, 3, 4, 8)
ACTIVATIONS = (
    "linear relu tanh sigmoid softmax elu selu gelu silu softplus softsign leaky_relu relu6 hard_sigmoid hard_tanh "
    "mish celu log_softmax hard_silu tanh_shrink squareplus sparse_plus log_sigmoid"
).split()


# Functions of a library's `ops` and tensors, used by Lambda layers and between layers; the batch axis stays.
FUNCTIONS = {
    "tanh": lambda o, x: o.tanh(x) * 2.0,
    "square": lambda o, x: o.square(o.tanh(x)),
    "mean": lambda o, x: x - o.mean(x, axis=-1, keepdims=True),
    "batch mean": lambda o, x: x - o.mean(x, axis=0, keepdims=True),
    "moments": lambda o, x: (x - o.mean(x, axis=-1, keepdims=True)) / o.sqrt(o.var(x, axis=-1, keepdims=True) + 0.1),
    "softmax": lambda o, x: o.softmax(x, axis=-1),
    "leaky": lambda o, x: o.where(x > 0.0, x, 0.1 * x),
    "clip": lambda o, x: o.clip(x, -0.8, 0.9),
    "logsumexp": lambda o, x: o.logsumexp(x, axis=-1, keepdims=True),
    "stop": lambda o, x: o.stop_gradient(x) * x,
    "cumsum": lambda o, x: o.cumsum(o.tanh(x), axis=-1),
    "flip": lambda o, x: o.flip(x, axis=-1),
    "sort": lambda o, x: o.sort(x, axis=-1),
    "max": lambda o, x: o.max(x, axis=-1, keepdims=True),
    "sum": lambda o, x: o.sum(o.abs(x), axis=-1, keepdims=True),
    "norm": lambda o, x: x * o.rsqrt(o.sum(o.square(x), axis=-1, keepdims=True) + 1.0),
    "slice": lambda o, x: x[..., :1] + x,
    "both": lambda o, x: o.concatenate([x, -x], axis=-1),
    "hard choice": lambda o, x: o.one_hot(o.argmax(x, axis=-1), x.shape[-1]) * x,
    "power": lambda o, x: o.power(o.abs(x) + 0.1, 1.5) - 1.0 / (2.0 + x * x),
    "take": lambda o, x: o.take(x, [0, 0], axis=-1),
    "top": lambda o, x: o.top_k(x, 1)[0],
    "rows": lambda o, x: o.reshape(x, (o.shape(x)[0], -1)),
    "sizes": lambda o, x: x * (1.0 / (1.0 + o.cast(o.shape(x)[0], "float32"))),
    "pad": lambda o, x: o.pad(x, [[0, 0]] * (len(x.shape) - 1) + [[1, 0]]),
    "expand": lambda o, x: o.squeeze(o.expand_dims(x, -1) * 1.5, -1),
    "outer": lambda o, x: o.einsum("...i,...j->...ij", o.tanh(x), o.tanh(x)),
    "gram": lambda o, x: o.matmul(o.expand_dims(o.tanh(x), -1), o.expand_dims(x, -2)) * 0.3,
    "triangle": lambda o, x: o.tril(o.expand_dims(x, -1) + o.expand_dims(x, -2)),
    "repeat": lambda o, x: o.repeat(x, 2, axis=-1) * 0.5,
    "roll": lambda o, x: o.roll(x, 1, axis=-1) - x,
    "logic": lambda o, x: o.where(o.logical_and(x > -0.5, x < 0.5), x, o.zeros_like(x)),
    "integers": lambda o, x: x + 0.1 * o.cast(o.cast(x * 2.0, "int32"), "float32"),
}
PAIRS = {
    "difference": lambda o, x, z: x - 0.5 * z,
    "hypotenuse": lambda o, x, z: o.sqrt(o.square(x) + o.square(z) + 0.1),
    "ratio": lambda o, x, z: x / (1.0 + o.abs(z)),
    "choice": lambda o, x, z: o.where(x > z, x, o.tanh(z)),
    "logs": lambda o, x, z: o.logaddexp(x, z),
    "angle": lambda o, x, z: o.arctan2(x, o.abs(z) + 0.5),
}
FROM_INTS = {
    "cast": lambda o, x: o.cast(x, "float32") * 0.5,
    "one_hot": lambda o, x: o.one_hot(o.cast(x, "int32"), 5),
    "equal": lambda o, x: o.cast(o.equal(o.cast(x, "int32"), 1), "float32"),
    "remainder": lambda o, x: o.cast(o.mod(o.cast(x, "int32") * 3 + 1, 4), "float32") - 1.0,
    "where": lambda o, x: o.where(o.cast(x, "bool"), 0.7, -0.4),
}
MERGES = "Add Multiply Subtract Average Maximum Minimum".split()


@functools.cache
def classes(lib):
    """Layers of one's own, of a library."""

    class Tied(lib.layers.Layer):
        def __init__(self, dense, **kwargs):
            super().__init__(**kwargs)
            self.dense = dense

        def call(self, x):
            return lib.ops.matmul(x, lib.ops.transpose(self.dense.kernel))

    class Scale(lib.layers.Layer):
        """A scale and a shift, a loss of its own, and other values while training."""

        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
            self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros", name="shift", regularizer="l2")

        def call(self, x, training=False):
            self.add_loss(0.01 * lib.ops.mean(lib.ops.square(x)))
            return x * self.scale + self.shift * (0.5 if training else 1.0)

    class Hide(lib.layers.Layer):
        """Time steps whose first number is small do not count."""

        supports_masking = True

        def call(self, x):
            return x * 1.0

        def compute_mask(self, inputs, previous_mask=None):
            return inputs[..., 0] > -0.3

    return {"Tied": Tied, "Scale": Scale, "Hide": Hide}


def dense(lib, params, **more):
    given = dict(params)
    for key in ("kernel_regularizer", "bias_regularizer", "activity_regularizer"):
        if given.get(key):
            given[key] = getattr(lib.regularizers, given[key][0])(**given[key][1])
    if given.get("kernel_constraint"):
        given["kernel_constraint"] = getattr(lib.constraints, given["kernel_constraint"][0])(
            **given["kernel_constraint"][1]
        )
    return lib.layers.Dense(**given, **more)


def nested(lib, params, x):
    inner = [lib.layers.Dense(u, activation=params["activation"]) for u in params["units"]]
    if params["form"] == "sequential":
        return lib.Sequential(inner)
    inputs = lib.Input(tuple(x.shape[1:]))
    y = inputs
    for layer in inner:
        y = layer(y)
    return lib.Model(inputs, y)


def apply(lib, kept, i, name, xs, params):
    """The tensor that step `i` gives; layers go to `kept`, by step."""
    layers, x = lib.layers, xs[0]
    if name == "dense":
        kept[i] = dense(lib, params)
        return kept[i](x)
    if name == "shared":
        return kept[params["of"]](x)
    if name == "tied":
        return classes(lib)["Tied"](kept[params["of"]])(x)
    if name == "nested":
        model = nested(lib, params, x)
        y = model(x)
        return layers.Add()([y, model(x * 0.5)]) if params["twice"] else y
    if name in ("scale", "hide"):
        return classes(lib)[name.capitalize()]()(x)
    if name == "activation":
        return layers.Activation(params["what"])(x)
    if name == "lambda":
        return layers.Lambda(lambda x: FUNCTIONS[params["what"]](lib.ops, x))(x)
    if name == "ops":
        return FUNCTIONS[params["what"]](lib.ops, x)
    if name == "ints":
        return FROM_INTS[params["what"]](lib.ops, x)
    if name == "pair":
        return PAIRS[params["what"]](lib.ops, *xs)
    if name == "merge":
        return getattr(layers, params["what"])()(xs)
    if name == "concatenate":
        return layers.Concatenate(axis=params["axis"])(xs)
    return getattr(layers, name)(*params["args"])(x)


def draw_dense(rng):
    def maybe(share, value):
        return value if rng.random() < share else None

    given = {
        "units": int(rng.choice(WIDTHS)),
        "activation": ACTIVATIONS[rng.integers(len(ACTIVATIONS))] if rng.random() < 0.7 else None,
        "use_bias": bool(rng.random() < 0.8),
        "kernel_regularizer": maybe(0.2, [["L1", {"l1": 0.01}], ["L2", {"l2": 0.02}], ["L1L2", {"l1": 0.01}],
                                          ["OrthogonalRegularizer", {"factor": 0.01}]][rng.integers(4)]),
        "bias_regularizer": maybe(0.1, ["L2", {"l2": 0.03}]),
        "activity_regularizer": maybe(0.1, [["L1", {"l1": 0.01}], ["L2", {"l2": 0.01}]][rng.integers(2)]),
        "kernel_constraint": maybe(0.15, [["NonNeg", {}], ["UnitNorm", {}], ["MaxNorm", {"max_value": 0.8}],
                                          ["MinMaxNorm", {"min_value": 0.2, "max_value": 1.0, "rate": 0.7}]]
                                   [rng.integers(4)]),
        "trainable": False if rng.random() < 0.08 else None,
    }  # fmt: skip
    if (given["kernel_constraint"] or [None])[0] == "NonNeg" and (given["kernel_regularizer"] or "  ")[0][:2] == "L1":
        given["kernel_regularizer"] = None  # weights are 0 soon, where JAX takes 1 for the slope of `abs`
    return {k: v for k, v in given.items() if v is not None and (k != "use_bias" or not v)}


def draw_step(rng, pool, steps, first):
    """(name, operands, parameters) of one more step, or None where what was drawn does not fit.

    Parameters
    ----------
    pool : list of tensors
    first : int
        The number of inputs: step i gives pool[first + i].
    """
    floats = [i for i, t in enumerate(pool) if t.dtype == "float32"]
    whole = [i for i, t in enumerate(pool) if t.dtype != "float32"]
    if whole and (not floats or rng.random() < 0.15):
        return "ints", [int(rng.choice(whole))], {"what": list(FROM_INTS)[rng.integers(len(FROM_INTS))]}
    recent = floats[-1 - min(int(rng.geometric(0.35)) - 1, len(floats) - 1)]
    x, shape = pool[recent], tuple(pool[recent].shape)
    alike = [i for i in floats if tuple(pool[i].shape) == shape]
    made = [i for i, (name, _, _) in enumerate(steps) if name == "dense"]
    kind = rng.choice(
        ["dense", "shared", "tied", "nested", "scale", "hide", "activation", "lambda", "ops", "pair", "merge",
         "concatenate", "shape"],
        p=[0.22, 0.07, 0.05, 0.06, 0.05, 0.05, 0.08, 0.12, 0.08, 0.05, 0.08, 0.04, 0.05],
    )  # fmt: skip
    if kind == "dense":
        return "dense", [recent], draw_dense(rng)
    if kind in ("shared", "tied"):
        of = [i for i in made if (pool[steps[i][1][0]] if kind == "shared" else pool[first + i]).shape[-1] == shape[-1]]
        return (str(kind), [recent], {"of": int(rng.choice(of))}) if of else None
    if kind == "nested":
        units = [int(rng.choice(WIDTHS)) for _ in range(rng.integers(1, 3))]
        form = ["sequential", "functional"][rng.integers(2)]
        what = {"units": units, "form": form, "activation": ["tanh", "relu"][rng.integers(2)]}
        return "nested", [recent], {**what, "twice": bool(rng.integers(2))}
    if kind in ("scale", "hide"):
        return (str(kind), [recent], {}) if kind == "scale" or len(shape) == 3 else None
    if kind == "activation":
        return "activation", [recent], {"what": ACTIVATIONS[rng.integers(len(ACTIVATIONS))]}
    if kind in ("lambda", "ops"):
        what = list(FUNCTIONS)[rng.integers(len(FUNCTIONS))]
        # Between layers, Keras knows no size of the batch.
        return "lambda" if what in ("rows", "sizes") else str(kind), [recent], {"what": what}
    if kind == "pair":
        return "pair", [recent, int(rng.choice(alike))], {"what": list(PAIRS)[rng.integers(len(PAIRS))]}
    if kind == "merge":
        what = MERGES[rng.integers(len(MERGES))]
        count = 2 if what == "Subtract" else int(rng.integers(2, 4))
        return "merge", [recent, *(int(i) for i in rng.choice(alike, count - 1))], {"what": what}
    if kind == "concatenate":
        return "concatenate", [recent, int(rng.choice(alike))], {"axis": int(rng.integers(1, len(x.shape)))}
    if len(shape) == 3:
        size = int(np.prod(shape[1:]))
        choices = [["Permute", [[2, 1]]], ["Flatten", []], ["Reshape", [[size]]], ["Reshape", [[-1, 1]]]]
    else:
        choices = [["RepeatVector", [3]], ["Reshape", [[1, shape[-1]]]], ["Flatten", []], ["Identity", []]]
    choices.append(["Dropout", [0.0]])
    name, args = choices[rng.integers(5)]
    return name, [recent], {"args": args}


# Losses and metrics by what the targets are: (name or custom, arguments) ----------------------------------------------


def custom(lib):
    """Losses and metrics of one's own: functions of targets and predictions."""
    o = lib.ops

    def pinball(y, p):
        e = y - p
        return o.mean(o.maximum(0.3 * e, -0.7 * e), axis=-1)

    def scaled(y, p):
        return o.mean(o.square(y - p), axis=-1) / (1.0 + o.mean(o.abs(y)))

    def scalar(y, p):
        return o.sqrt(o.mean(o.square(y - p)) + 0.01)

    def operators(y, p):
        return ((y - p) ** 2 * 0.5 + abs(y - p)) / o.cast(o.size(p), "float32")

    def agreement(y, p):
        return o.mean(o.cast(o.abs(y - p) < 0.5, "float32"), axis=-1)

    return {f.__name__: f for f in (pinball, scaled, scalar, operators, agreement)}


SMOOTH = ["pinball", "scaled", "scalar", "operators"]
OWN = ["agreement", "pinball", "scalar"]
# head activation, losses, metrics
KINDS = {
    "numbers": (
        None,
        [["mse", None], ["mae", None], ["MeanSquaredError", {}], ["Huber", {"delta": 0.3}], ["LogCosh", {}],
         ["CosineSimilarity", {}], *[[c, None] for c in SMOOTH]],
        [["mae", None], ["mse", None], ["RootMeanSquaredError", {}], ["CosineSimilarity", {}], ["LogCoshError", {}],
         *[[c, None] for c in OWN]],
    ),
    "signs": (None, [["hinge", None], ["SquaredHinge", {}]], [["hinge", None], ["Hinge", {}], ["mae", None]]),
    "positive": (
        "softplus",
        [["MeanSquaredLogarithmicError", {}], ["poisson", None], ["MeanAbsolutePercentageError", {}], ["Poisson", {}]],
        [["msle", None], ["mape", None], ["Poisson", {}]],
    ),
    "binary": (
        "sigmoid",
        [["binary_crossentropy", None], ["BinaryCrossentropy", {"label_smoothing": 0.1}], ["mse", None],
         ["BinaryFocalCrossentropy", {"gamma": 1.5, "apply_class_balancing": True, "alpha": 0.4}], ["scaled", None]],
        [["accuracy", None], ["BinaryAccuracy", {"threshold": 0.4}], ["AUC", {"num_thresholds": 20}],
         ["Precision", {}], ["Recall", {"thresholds": 0.3}], ["FalsePositives", {}], ["BinaryCrossentropy", {}]],
    ),
    "binary_logits": (
        None,
        [["BinaryCrossentropy", {"from_logits": True}],
         ["BinaryFocalCrossentropy", {"from_logits": True}]],
        [["BinaryAccuracy", {"threshold": 0.0}], ["BinaryCrossentropy", {"from_logits": True}]],
    ),
    "one_hot": (
        "softmax",
        [["categorical_crossentropy", None], ["CategoricalCrossentropy", {"label_smoothing": 0.1}],
         ["CategoricalFocalCrossentropy", {}], ["CategoricalHinge", {}], ["KLDivergence", {}]],
        [["accuracy", None], ["TopKCategoricalAccuracy", {"k": 2}], ["CategoricalCrossentropy", {}],
         ["kl_divergence", None]],
    ),
    "one_hot_logits": (
        None,
        [["CategoricalCrossentropy", {"from_logits": True}],
         ["CategoricalFocalCrossentropy", {"from_logits": True}]],
        [["accuracy", None], ["CategoricalCrossentropy", {"from_logits": True}]],
    ),
    "ids": (
        "softmax",
        [["sparse_categorical_crossentropy", None], ["SparseCategoricalCrossentropy", {}]],
        [["accuracy", None], ["SparseTopKCategoricalAccuracy", {"k": 2}], ["sparse_categorical_crossentropy", None]],
    ),
    "ids_logits": (
        None,
        [["SparseCategoricalCrossentropy", {"from_logits": True}],
         ["SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}]],
        [["accuracy", None], ["SparseCategoricalCrossentropy", {"from_logits": True}]],
    ),
}  # fmt: skip
REDUCTIONS = ["sum_over_batch_size", "sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"]


def objective(lib, module, row):
    """The loss or metric that a row says: a name, a function of one's own, or an object."""
    name, arguments = row
    if arguments is not None:
        return getattr(getattr(lib, module), name)(**arguments)
    return custom(lib).get(name, name)


def targets(rng, kind, shape):
    """Targets of a head whose output has `shape`."""
    if kind == "numbers":
        return rng.standard_normal(shape).astype("f")
    if kind == "signs":
        return np.where(rng.random(shape) < 0.5, -1, 1).astype("f")
    if kind == "positive":
        return rng.uniform(0.1, 2.0, shape).astype("f")
    if kind.startswith("binary"):
        return (rng.random(shape) < 0.5).astype("f")
    ids = rng.integers(0, shape[-1], shape[:-1])
    return np.eye(shape[-1], dtype="f")[ids] if kind.startswith("one_hot") else ids.astype("int32")
