"""Rows of ``keras.initializers``, ``keras.regularizers`` and ``keras.constraints``."""

import numpy as np

from tests.oracle.row import Row


def _initializer(name, *variants, inputs="matrix", **options):
    return Row(name, "initializer", inputs, variants or ({},), **options)


# Values known beforehand: Keras's are the same.
FIXED_INITIALIZERS = [
    _initializer("Zeros"),
    _initializer("Ones"),
    _initializer("Constant", {}, {"value": 2.5}, {"value": -3}, {"value": np.arange(40.0)}),
    _initializer("Identity", {}, {"gain": 2.0}),
    _initializer("Identity", {"gain": 0.5}, inputs="square"),
    _initializer(
        "STFT", {}, {"side": "imag"}, {"window": "hamming", "scaling": "spectrum"}, {"window": None},
        {"periodic": True, "scaling": None}, {"side": "imag", "window": np.linspace(0.1, 1.0, 16)},
        inputs="frames", rtol=2e-5,
    ),
]  # fmt: skip
_AXES = {"input_axes": [0, 1], "output_axes": [3]}
# Values drawn: Keras's have the same distribution.
RANDOM_INITIALIZERS = [
    _initializer("RandomNormal", {}, {"mean": 1.0, "stddev": 0.5}),
    _initializer("TruncatedNormal", {}, {"mean": -1.0, "stddev": 2.0}),
    _initializer("RandomUniform", {}, {"minval": -1.0, "maxval": 3.0}),
    _initializer("VarianceScaling", {}, *[
        {"scale": 3.0, "mode": mode, "distribution": distribution}
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ]),
    _initializer("VarianceScaling", {}, {"mode": "fan_out", **_AXES}, {"mode": "fan_in", **_AXES}, inputs="kernel"),
    *[
        _initializer(name, *variants, inputs=inputs)
        for name in ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")
        for inputs, variants in (("matrix", ({},)), ("vector", ({},)), ("kernel", ({}, _AXES)))
    ],
    _initializer("Orthogonal", {}, {"gain": 3.0}),
    _initializer("Orthogonal", {}, inputs="kernel"),
]  # fmt: skip
SHAPES = {
    "matrix": (400, 40), "square": (30, 30), "vector": (9000,), "kernel": (3, 4, 30, 40), "frames": (16, 1, 17),
}  # fmt: skip

REGULARIZERS = [
    Row("L1", "regularizer", "matrix", ({}, {"l1": 0.1})),
    Row("L2", "regularizer", "matrix", ({}, {"l2": 0.2})),
    Row("L1L2", "regularizer", "matrix", ({}, {"l1": 0.1}, {"l2": 0.2}, {"l1": 0.1, "l2": 0.2})),
    Row("OrthogonalRegularizer", "regularizer", "matrix", ({}, {"factor": 0.5, "mode": "columns"}), rtol=1e-5),
]
CONSTRAINTS = [
    Row("MaxNorm", "constraint", "matrix", ({}, {"max_value": 1.5, "axis": 1}, {"axis": [0, 1]})),
    Row("NonNeg", "constraint", "matrix"),
    Row("UnitNorm", "constraint", "matrix", ({}, {"axis": 1})),
    Row("MinMaxNorm", "constraint", "matrix", ({}, {"min_value": 0.5, "max_value": 1.5, "rate": 0.5, "axis": 1})),
]


def weights():
    """Return a matrix with norms on both sides of what constraints allow, and away from 0."""
    values = np.random.default_rng(5).standard_normal((6, 5)) * 2
    values[:, 0] *= 0.05
    return values + np.sign(values) * 0.01
