"""Rows of ``keras.activations``."""

from tests.oracle.row import Row


def _activation(name, *variants, **options):
    return Row(name, "activation", "activation", variants or ({},), **options)


ACTIVATIONS = [
    _activation("relu", {}, {"negative_slope": 0.1}, {"max_value": 1.0}, {"threshold": 0.7},
                {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.3}),
    _activation("leaky_relu", {}, {"negative_slope": 0.3}),
    _activation("relu6"),
    _activation("softmax", {}, {"axis": 0}),
    _activation("log_softmax", {}, {"axis": 0}),
    _activation("elu", {}, {"alpha": 0.5}),
    _activation("selu"),
    _activation("celu", {}, {"alpha": 0.5}),
    _activation("glu", {}, {"axis": 0}),
    _activation("gelu", {}, {"approximate": True}, rtol=5e-6),
    _activation("softplus"),
    _activation("softsign"),
    _activation("soft_shrink", {}, {"threshold": 0.9}),
    _activation("hard_shrink", {}, {"threshold": 0.9}),
    _activation("tanh_shrink", rtol=5e-6),
    _activation("threshold", {"threshold": 0.4, "default_value": -2.0}),
    _activation("squareplus", {}, {"b": 1}),
    _activation("sparse_plus"),
    _activation("sparse_sigmoid"),
    _activation("sparsemax", skip="Keras 3.15 on JAX sums the cumulated sums; rows of its result do not add up to 1"),
    _activation("silu"),
    _activation("swish"),
    _activation("hard_silu"),
    _activation("hard_swish"),
    _activation("tanh"),
    _activation("sigmoid"),
    _activation("log_sigmoid"),
    _activation("hard_sigmoid"),
    _activation("hard_tanh"),
    _activation("exponential"),
    _activation("mish", rtol=5e-6),
    _activation("linear"),
]  # fmt: skip
