"""Rows of ``keras.layers``: what each computes on arrays, with the weights of the other."""

import numpy as np

from tests.oracle.row import Row


def _layer(name, *variants, inputs="rows", args=(), **options):
    return Row(name, "layer", inputs, variants or ({},), args=args, **options)


LAYERS = [
    _layer("Dense", {"units": 3}, {"units": 3, "activation": "relu", "use_bias": False},
           {"units": 2, "kernel_initializer": "ones", "bias_initializer": "ones", "kernel_regularizer": "l2",
            "bias_regularizer": {"class_name": "L1", "config": {"l1": 0.5}}, "activity_regularizer": "l2",
            "kernel_constraint": "max_norm", "bias_constraint": "non_neg"}),
    _layer("Dense", {"units": 3, "activation": "tanh"}, inputs="steps"),
    _layer("Activation", {"activation": "sigmoid"}, {"activation": "relu"}),
    _layer("Identity"),
    _layer("Flatten", {}, {"data_format": "channels_first"}, inputs="steps"),
    _layer("Flatten", inputs="scalars"),
    _layer("Dropout", {"rate": 0.5}, {"rate": 0.25, "noise_shape": (None, 1), "seed": 3}),
    _layer("Reshape", {"target_shape": (2, 2)}),
    _layer("Reshape", {"target_shape": (-1, 2)}, inputs="steps"),
    _layer("Permute", {"dims": (2, 1)}, inputs="steps"),
    _layer("RepeatVector", {"n": 3}),
    *[
        _layer(name, inputs=inputs)
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
        for inputs in ("pair_of_rows", "pair_of_steps", "steps_and_rows")
    ],
    *[_layer(name, inputs="three") for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")],
    _layer("Concatenate", {}, {"axis": 1}, inputs="pair_of_steps"),
    _layer("ReLU", {}, {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}),
    _layer("LeakyReLU", {}, {"negative_slope": 0.1}),
    _layer("ELU", {}, {"alpha": 0.5}),
    _layer("PReLU", {}, {"alpha_initializer": "ones", "alpha_regularizer": "l2", "alpha_constraint": "non_neg"}),
    _layer("PReLU", {"shared_axes": [1], "alpha_initializer": "ones"}, {"shared_axes": [1, 2]}, inputs="steps"),
    _layer("Softmax", {}, {"axis": 1}, {"axis": [1, 2]}, inputs="steps"),
    _layer("ActivityRegularization", {}, {"l1": 0.1, "l2": 0.2}),
    _layer("BatchNormalization", {}, {"momentum": 0.5, "epsilon": 0.1}, {"center": False}, {"scale": False},
           {"beta_initializer": "ones", "gamma_initializer": "zeros", "moving_mean_initializer": "ones",
            "gamma_regularizer": "l2", "beta_regularizer": {"class_name": "L1", "config": {"l1": 0.5}},
            "gamma_constraint": "non_neg", "beta_constraint": "max_norm"}),
    _layer("BatchNormalization", {}, {"axis": 1}, {"axis": -2, "moving_variance_initializer": "zeros"}, inputs="steps"),
    _layer("LayerNormalization", {}, {"epsilon": 0.1, "center": False}, {"scale": False}),
    _layer("LayerNormalization", {"axis": 1}, {"axis": [1, 2]}, {"axis": [-1, -2], "gamma_initializer": "ones"},
           inputs="steps"),
    _layer("RMSNormalization", {}, {"epsilon": 0.1}),
    _layer("RMSNormalization", {"axis": [1, 2]}, inputs="steps"),
    _layer("UnitNormalization", {}, {"axis": [1]}),
    _layer("UnitNormalization", {"axis": [1, 2]}, {"axis": 1}, inputs="steps"),
    _layer("GroupNormalization", {"groups": 2}, {"groups": -1, "center": False}, {"groups": 4, "scale": False}),
    _layer("GroupNormalization", {"groups": 2, "epsilon": 0.1}, {"groups": 3, "axis": 1}, inputs="steps"),
    _layer("AlphaDropout", {"rate": 0.5}, {"rate": 0.25, "noise_shape": (None, 1), "seed": 3}),
    _layer("GaussianDropout", {"rate": 0.5}, {"rate": 0.25, "seed": 3}),
    _layer("GaussianNoise", {"stddev": 0.5}, {"stddev": 0.25, "seed": 3}),
    _layer("SpatialDropout1D", {"rate": 0.5}, {"rate": 0.25, "seed": 3}, inputs="steps"),
]  # fmt: skip
# The functions: the same computation, called on the inputs.
MERGING_FUNCTIONS = [
    Row(name, "merging", inputs)
    for name in ("add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate")
    for inputs in ("pair_of_rows", "pair_of_steps")
]


def layer_inputs(kind):
    """Return the arrays of a kind of inputs: one, or a list of several."""
    rng = np.random.default_rng(11)

    def make(*shape):
        return rng.standard_normal(shape).astype("float32")

    rows, steps = (5, 4), (5, 3, 4)
    return {
        "rows": lambda: make(*rows),
        "steps": lambda: make(*steps),
        "scalars": lambda: make(5),
        "pair_of_rows": lambda: [make(*rows), make(*rows)],
        "pair_of_steps": lambda: [make(*steps), make(*steps)],
        "steps_and_rows": lambda: [make(*steps), make(*rows)],
        "three": lambda: [make(*rows), make(*rows), make(*rows)],
    }[kind]()
