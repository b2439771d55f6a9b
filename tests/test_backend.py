"""fastfit.backend: Keras 3's names against Keras, Keras 2's functions against their NumPy meanings."""

import itertools

import keras
import numpy as np
import pytest

import fastfit
from fastfit import backend as K
from fastfit import layers, losses, metrics, models, optimizers
from fastfit.graph.evaluate import evaluate
from fastfit.graph.tensor import make_input
from fastfit.graph.variable import Variable
from tests.numeric import check_gradients

RNG = np.random.default_rng(3)
X = RNG.normal(size=(4, 3))
Y = RNG.normal(size=(4, 3)) + 0.1
POSITIVE = RNG.uniform(0.2, 2.0, (4, 3))
CUBE = RNG.normal(size=(4, 2, 3))
P = POSITIVE / POSITIVE.sum(-1, keepdims=True)
ONE_HOT = np.eye(3)[[0, 2, 1, 1]]
IDS = np.array([0, 2, 1, 1])


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Name, call with K, its meaning in NumPy. Every array is float64 and away from kinks; calls are differentiated.
ROWS = [
    ("abs", lambda: (K.abs, X), np.abs),
    ("batch_dot", lambda: (lambda a, b: K.batch_dot(a, b, axes=1), X, Y), lambda a, b: np.sum(a * b, 1, keepdims=True)),
    ("batch_dot", lambda: (lambda a, b: K.batch_dot(a, b, axes=(2, 2)), CUBE, CUBE + 1),
     lambda a, b: np.einsum("bij,bkj->bik", a, b)),
    ("batch_dot", lambda: (lambda a, b: K.batch_dot(a, b, axes=[1, 1]), CUBE, X[:, :2]),
     lambda a, b: np.einsum("bij,bi->bj", a, b)),
    ("batch_dot", lambda: (K.batch_dot, CUBE, np.swapaxes(CUBE, 1, 2) + 1), lambda a, b: a @ b),
    ("batch_flatten", lambda: (K.batch_flatten, CUBE), lambda x: x.reshape(4, 6)),
    ("batch_normalization", lambda: (lambda x: K.batch_normalization(x, X[0], POSITIVE[0], Y[0], POSITIVE[1]), X),
     lambda x: (x - X[0]) / np.sqrt(POSITIVE[0] + 1e-3) * POSITIVE[1] + Y[0]),
    ("bias_add", lambda: (K.bias_add, CUBE, X[0]), lambda x, b: x + b),
    ("bias_add", lambda: (lambda x, b: K.bias_add(x, b, "channels_first"), CUBE, X[0, :2]),
     lambda x, b: x + b[:, None]),
    ("binary_crossentropy", lambda: (lambda p: K.binary_crossentropy(ONE_HOT, p), P),
     lambda p: -(ONE_HOT * np.log(p) + (1 - ONE_HOT) * np.log(1 - p))),
    ("binary_crossentropy", lambda: (lambda z: K.binary_crossentropy(ONE_HOT, z, from_logits=True), X),
     lambda z: np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - z * ONE_HOT),
    ("cast_to_floatx", lambda: (K.cast_to_floatx, IDS), lambda x: x.astype("float32")),
    ("categorical_crossentropy", lambda: (lambda p: K.categorical_crossentropy(ONE_HOT, p), POSITIVE),
     lambda p: -np.sum(ONE_HOT * np.log(p / p.sum(-1, keepdims=True)), -1)),
    ("categorical_crossentropy", lambda: (lambda z: K.categorical_crossentropy(ONE_HOT, z, True), X),
     lambda z: -np.sum(ONE_HOT * np.log(_softmax(z)), -1)),
    ("clip", lambda: (lambda x: K.clip(x, -0.5, 0.5), X), lambda x: np.clip(x, -0.5, 0.5)),
    ("clip", lambda: (lambda x: K.clip(x, None, 0.5), X), lambda x: np.minimum(x, 0.5)),
    ("concatenate", lambda: (lambda a, b: K.concatenate([a, b]), X, Y), lambda a, b: np.concatenate([a, b], -1)),
    ("cos", lambda: (K.cos, X), np.cos),
    ("cumprod", lambda: (lambda x: K.cumprod(x, 1), X), lambda x: np.cumprod(x, 1)),
    ("cumsum", lambda: (lambda x: K.cumsum(x, 1), X), lambda x: np.cumsum(x, 1)),
    ("dot", lambda: (lambda a, b: K.dot(a, b), X, Y.T), np.dot),
    ("dot", lambda: (lambda a, b: K.dot(a, b), CUBE, Y.T), np.dot),
    ("elu", lambda: (lambda x: K.elu(x, 0.7), X), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x))),
    ("exp", lambda: (K.exp, X), np.exp),
    ("expand_dims", lambda: (K.expand_dims, X), lambda x: x[..., None]),
    ("expand_dims", lambda: (lambda x: K.expand_dims(x, 1), X), lambda x: x[:, None]),
    ("flatten", lambda: (K.flatten, X), np.ravel),
    ("gather", lambda: (lambda x: K.gather(x, np.array([2, 0])), X), lambda x: x[[2, 0]]),
    ("hard_sigmoid", lambda: (K.hard_sigmoid, X * 2), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    ("identity", lambda: (K.identity, X), lambda x: x),
    ("l2_normalize", lambda: (lambda x: K.l2_normalize(x, axis=-1), X),
     lambda x: x / np.sqrt(np.sum(x * x, -1, keepdims=True))),
    ("l2_normalize", lambda: (K.l2_normalize, X), lambda x: x / np.sqrt(np.sum(x * x))),
    ("log", lambda: (K.log, POSITIVE), np.log),
    ("logsumexp", lambda: (lambda x: K.logsumexp(x, axis=1), X), lambda x: np.log(np.sum(np.exp(x), 1))),
    ("map_fn", lambda: (lambda x: K.map_fn(lambda row: row * 2.0, x), X), lambda x: x * 2),
    ("max", lambda: (lambda x: K.max(x, axis=-1), X), lambda x: x.max(-1)),
    ("maximum", lambda: (K.maximum, X, Y), np.maximum),
    ("mean", lambda: (lambda x: K.mean(x, axis=-1, keepdims=True), X), lambda x: x.mean(-1, keepdims=True)),
    ("mean", lambda: (K.mean, X), np.mean),
    ("min", lambda: (lambda x: K.min(x, axis=0), X), lambda x: x.min(0)),
    ("minimum", lambda: (K.minimum, X, Y), np.minimum),
    ("permute_dimensions", lambda: (lambda x: K.permute_dimensions(x, (0, 2, 1)), CUBE),
     lambda x: x.transpose(0, 2, 1)),
    ("pow", lambda: (lambda x: K.pow(x, 3), POSITIVE), lambda x: x**3),
    ("prod", lambda: (lambda x: K.prod(x, axis=1), X), lambda x: x.prod(1)),
    ("relu", lambda: (K.relu, X), lambda x: np.maximum(x, 0)),
    ("relu", lambda: (lambda x: K.relu(x, 0.1, 0.9, 0.2), X),
     lambda x: np.where(x >= 0.2, np.minimum(x, 0.9), 0.1 * (x - 0.2))),
    ("relu6", lambda: (K.relu6, X * 5), lambda x: np.clip(x, 0, 6)),
    ("repeat", lambda: (lambda x: K.repeat(x, 2), X), lambda x: np.stack([x, x], 1)),
    ("repeat_elements", lambda: (lambda x: K.repeat_elements(x, 2, 1), X), lambda x: np.repeat(x, 2, 1)),
    ("reshape", lambda: (lambda x: K.reshape(x, (-1, 2)), X), lambda x: x.reshape(-1, 2)),
    ("reverse", lambda: (lambda x: K.reverse(x, 1), X), lambda x: x[:, ::-1]),
    ("sigmoid", lambda: (K.sigmoid, X), _sigmoid),
    ("sin", lambda: (K.sin, X), np.sin),
    ("softmax", lambda: (K.softmax, X), _softmax),
    ("softplus", lambda: (K.softplus, X), lambda x: np.log1p(np.exp(x))),
    ("softsign", lambda: (K.softsign, X), lambda x: x / (1 + np.abs(x))),
    ("sparse_categorical_crossentropy", lambda: (lambda p: K.sparse_categorical_crossentropy(IDS * 1.0, p), P),
     lambda p: -np.log(p[np.arange(4), IDS])),
    ("sqrt", lambda: (K.sqrt, POSITIVE), np.sqrt),
    ("square", lambda: (K.square, X), np.square),
    ("squeeze", lambda: (lambda x: K.squeeze(x, 2), X[..., None]), lambda x: x[..., 0]),
    ("stack", lambda: (lambda a, b: K.stack([a, b], axis=1), X, Y), lambda a, b: np.stack([a, b], 1)),
    ("std", lambda: (lambda x: K.std(x, axis=1), X), lambda x: x.std(1)),
    ("sum", lambda: (lambda x: K.sum(x, axis=(0, 1)), X), lambda x: x.sum((0, 1))),
    ("switch", lambda: (lambda a, b: K.switch(a > b, a, b * 2.0), X, Y), lambda a, b: np.where(a > b, a, b * 2)),
    ("switch", lambda: (lambda a, b: K.switch(K.sum(a, axis=1) > 0, lambda: a, lambda: b), X, Y),
     lambda a, b: np.where(a.sum(1, keepdims=True) > 0, a, b)),
    ("switch", lambda: (lambda a, b: K.switch(K.sum(a) > 0, a, b), X, Y), lambda a, b: a if a.sum() > 0 else b),
    ("tanh", lambda: (K.tanh, X), np.tanh),
    ("temporal_padding", lambda: (lambda x: K.temporal_padding(x, (1, 2)), CUBE),
     lambda x: np.pad(x, ((0, 0), (1, 2), (0, 0)))),
    ("tile", lambda: (lambda x: K.tile(x, (1, 2)), X), lambda x: np.tile(x, (1, 2))),
    ("transpose", lambda: (K.transpose, X), np.transpose),
    ("var", lambda: (lambda x: K.var(x, axis=1), X), lambda x: x.var(1)),
]  # fmt: skip

# The same for what has no gradient, and for what takes no tensor. Symbolic where the arguments allow it.
OTHERS = [
    ("all", lambda x: K.all(x, axis=1), [np.array([[1, 0], [2, 3]])], np.array([False, True])),
    ("any", lambda x: K.any(x, axis=1), [np.array([[0, 0], [2, 0]])], np.array([False, True])),
    ("argmax", K.argmax, [X], X.argmax(-1)),
    ("argmin", K.argmin, [X], X.argmin(-1)),
    ("cast", lambda x: K.cast(x, "int32"), [X], X.astype("int32")),
    ("equal", K.equal, [IDS, np.array([0, 1, 1, 2])], np.array([True, False, True, False])),
    ("greater", K.greater, [X, Y], X > Y),
    ("greater_equal", K.greater_equal, [X, Y], X >= Y),
    ("in_top_k", lambda p, t: K.in_top_k(p, t, 1), [P, IDS], P.argmax(-1) == IDS),
    ("less", K.less, [X, Y], X < Y),
    ("less_equal", K.less_equal, [X, Y], X <= Y),
    ("not_equal", K.not_equal, [IDS, np.array([0, 1, 1, 2])], np.array([False, True, False, True])),
    ("one_hot", lambda i: K.one_hot(i, 3), [IDS], ONE_HOT.astype("float32")),
    ("ones_like", K.ones_like, [X], np.ones((4, 3))),
    ("round", K.round, [np.array([0.5, 1.5, -2.5, 1.2])], np.array([0.0, 2.0, -2.0, 1.0])),
    ("sign", K.sign, [X], np.sign(X)),
    ("zeros_like", K.zeros_like, [X], np.zeros((4, 3))),
]
# Tested one by one below.
ALONE = set(
    "arange backend batch_get_value batch_set_value clear_session constant count_params dropout dtype epsilon eval eye "
    "floatx get_uid get_value image_data_format in_test_phase in_train_phase int_shape is_float_dtype is_int_dtype "
    "is_keras_tensor learning_phase moving_average_update ndim ones random_bernoulli random_binomial random_normal "
    "random_uniform result_type set_epsilon set_floatx set_image_data_format set_value shape standardize_dtype "
    "stop_gradient truncated_normal update update_add update_sub variable zeros".split()
)


def _id(row):
    return row[0]


@pytest.mark.parametrize("row", ROWS, ids=_id)
def test_function_of_keras_2(row):
    _, make, meaning = row
    function, *arrays = make()
    value = function(*arrays)
    assert isinstance(value, (np.ndarray, np.generic))
    expected = meaning(*arrays)
    assert np.shape(value) == np.shape(expected)
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("row", [r for r in ROWS if r[0] != "cast_to_floatx"], ids=_id)
def test_gradient_of_function_of_keras_2(row):
    function, *arrays = row[1]()
    check_gradients(function, *arrays, unknown_batch=False, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("row", OTHERS, ids=_id)
def test_other_function_of_keras_2(row):
    _, function, arrays, expected = row
    value = function(*arrays)
    np.testing.assert_array_equal(value, expected)
    assert np.asarray(value).dtype.kind == expected.dtype.kind
    tensors = [make_input((None, *a.shape[1:]), a.dtype.name) for a in arrays]
    (symbolic,) = evaluate([function(*tensors)], dict(zip(tensors, arrays, strict=True)))
    np.testing.assert_array_equal(symbolic, expected)


def test_every_name_is_tested():
    tested = {row[0] for row in [*ROWS, *OTHERS]}
    assert tested | ALONE == set(K.__all__)
    assert not tested & ALONE
    assert {n for n in dir(keras.backend) if not n.startswith("_")} <= set(K.__all__)
    assert all(callable(getattr(K, name)) and getattr(K, name).__doc__ for name in K.__all__)


# ---- Keras 3's names ----


def test_settings():
    assert K.backend() == "fastfit" and K.epsilon() == 1e-7 and K.floatx() == "float32"
    try:
        K.set_epsilon(1e-3)
        K.set_floatx("float64")
        K.set_image_data_format("channels_first")
        assert (K.epsilon(), K.floatx(), K.image_data_format()) == (1e-3, "float64", "channels_first")
        assert fastfit.config.epsilon() == 1e-3
        assert K.constant([1.0]).dtype == np.float64
    finally:
        K.set_epsilon(1e-7)
        K.set_floatx("float32")
        K.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match="data_format=middle"):
        K.set_image_data_format("middle")
    with pytest.raises(ValueError, match="int8"):
        K.set_floatx("int8")


def test_uids():
    K.clear_session()
    assert [K.get_uid(), K.get_uid(), K.get_uid("a"), K.get_uid("a")] == [1, 2, 1, 2]
    K.clear_session()
    assert K.get_uid("a") == 1


@pytest.mark.parametrize(
    "dtype", [None, "float32", "int", float, int, bool, np.int64, np.dtype("f8"), "uint8", "string"]
)
def test_standardize_dtype_as_keras(dtype):
    assert K.standardize_dtype(dtype) == keras.backend.standardize_dtype(dtype)


def test_standardize_dtype_refuses():
    for bad in ("float", "number", object):
        with pytest.raises(ValueError, match="Invalid dtype"):
            K.standardize_dtype(bad)


# Not of 64 bits: JAX halves those.
DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "float16", "float32", int, float]


@pytest.mark.parametrize("pair", list(itertools.combinations_with_replacement(DTYPES, 2)), ids=str)
def test_result_type_as_keras(pair):
    assert K.result_type(*pair) == keras.backend.result_type(*pair)


def test_result_type_of_64_bits():
    assert K.result_type("int32", "int64") == "int64" and K.result_type("float32", "float64") == "float64"
    with pytest.raises(ValueError, match="At least one"):
        K.result_type()


def test_kinds():
    assert K.is_float_dtype("float16") and not K.is_float_dtype("int8")
    assert K.is_int_dtype("uint8") and not K.is_int_dtype("bool") and not K.is_int_dtype("float32")
    assert K.is_keras_tensor(make_input((2,))) and not K.is_keras_tensor(np.ones(2))


# ---- variables, shapes, random numbers, phases ----


def test_variables():
    v = K.variable([[1.0, 2.0]], name="v")
    assert isinstance(v, Variable) and v.dtype == "float32" and K.count_params(v) == 2
    K.set_value(v, np.array([[3.0, 4.0]]))
    np.testing.assert_array_equal(K.get_value(v), [[3, 4]])
    np.testing.assert_array_equal(K.eval(v), [[3, 4]])
    K.update(v, np.ones((1, 2)))
    K.update_add(v, 2.0)
    K.update_sub(v, 1.0)
    np.testing.assert_array_equal(v.numpy(), [[2, 2]])
    K.moving_average_update(v, np.zeros((1, 2)), 0.75)
    np.testing.assert_array_equal(v.numpy(), [[1.5, 1.5]])
    w = K.zeros((2,), dtype="int32")
    K.batch_set_value([(v, np.zeros((1, 2))), (w, [5, 6])])
    assert [x.tolist() for x in K.batch_get_value([v, w])] == [[[0, 0]], [5, 6]]
    np.testing.assert_array_equal(K.ones((2, 2)).numpy(), np.ones((2, 2)))
    np.testing.assert_array_equal(K.eye(3).numpy(), np.eye(3))
    np.testing.assert_array_equal(K.constant(2, shape=(2, 2)), np.full((2, 2), 2.0, "float32"))
    np.testing.assert_array_equal(K.arange(1, 7, 2), [1, 3, 5])
    np.testing.assert_array_equal(K.arange(3), [0, 1, 2])


def test_shapes():
    x = make_input((None, 3))
    assert K.int_shape(x) == (None, 3) and K.ndim(x) == 2 and K.dtype(x) == "float32" and K.shape(x)[1] == 3
    assert K.int_shape(X) == (4, 3) and K.ndim([1, 2]) == 1 and K.shape(X) == (4, 3)


def test_random_numbers():
    draws = {
        "random_normal": (K.random_normal((400, 100), 1.0, 2.0, seed=1), 1.0, 2.0),
        "random_uniform": (K.random_uniform((400, 100), -1.0, 3.0, seed=1), 1.0, 4 / 12**0.5),
        "truncated_normal": (K.truncated_normal((400, 100), 0.0, 1.0, seed=1), 0.0, 0.8796),
        "random_bernoulli": (K.random_bernoulli((400, 100), 0.3, seed=1), 0.3, 0.21**0.5),
        "random_binomial": (K.random_binomial((400, 100), p=0.3, seed=2), 0.3, 0.21**0.5),
    }
    for name, (values, mean, deviation) in draws.items():
        assert values.dtype == np.float32 and values.shape == (400, 100), name
        np.testing.assert_allclose([values.mean(), values.std()], [mean, deviation], atol=0.03, err_msg=name)
    np.testing.assert_array_equal(K.random_normal((3,), seed=4), K.random_normal((3,), seed=4))
    dropped = K.dropout(np.ones((100, 100), "float32"), 0.25, seed=1)
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.75)} and abs((dropped == 0).mean() - 0.25) < 0.02


def test_phases():
    class Phase(layers.Layer):
        def call(self, x):
            assert K.learning_phase() in (0, 1)
            return K.in_train_phase(lambda: x * 2.0, x) + K.in_test_phase(0.5, 0.0)

    layer = Phase()
    one = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(layer(one, training=True), 2 * one)
    np.testing.assert_array_equal(layer(one, training=False), one + 0.5)
    assert K.learning_phase() == 0 and K.in_train_phase(1, 2, training=1) == 1


def test_bad_batch_dot():
    for axes in ((1, 1), 0):
        with pytest.raises(ValueError, match="batch_dot"):
            K.batch_dot(CUBE, X, axes=axes)
    with pytest.raises(ValueError, match="rank 2"):
        K.batch_dot(X[0], X)


# ---- training in the old style ----


def _train(loss, metric=None, **kwargs):
    fastfit.utils.set_random_seed(1)
    model = models.Sequential([layers.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(2)])
    model.compile(optimizers.SGD(0.1), loss, metrics=metric and [metric])
    x = RNG_DATA.normal(size=(32, 3)).astype("float32")
    y = np.stack([x[:, 0] * x[:, 1], x[:, 2]], 1)
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history
    return history, model.get_weights()


RNG_DATA = np.random.default_rng(8)


def test_a_loss_in_the_old_style_trains_as_the_built_in_one():
    def old(y_true, y_pred):
        return K.mean(K.square(y_pred - y_true), axis=-1)

    def rmse(y_true, y_pred):
        return K.sqrt(K.mean(K.square(y_pred - y_true)))

    state = RNG_DATA.bit_generator.state
    history, weights = _train(old, rmse)
    RNG_DATA.bit_generator.state = state
    expected, expected_weights = _train("mse")
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)
    assert expected["loss"][-1] < expected["loss"][0]
    for w, e in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(w, e, rtol=1e-5, atol=1e-6)
    assert len(history["rmse"]) == 3 and all(v > 0 for v in history["rmse"])


def dice_coefficient(y_true, y_pred):
    a, b = K.flatten(y_true), K.flatten(y_pred)
    return (2.0 * K.sum(a * b) + 1.0) / (K.sum(a) + K.sum(b) + 1.0)


def dice(y_true, y_pred):
    return 1.0 - dice_coefficient(y_true, y_pred)


def focal(y_true, y_pred, gamma=2.0):
    p = K.clip(y_pred, K.epsilon(), 1.0 - K.epsilon())
    p = K.switch(K.equal(y_true, 1.0), p, 1.0 - p)
    return -K.mean(K.pow(1.0 - p, gamma) * K.log(p), axis=-1)


def pinball(y_true, y_pred, q=0.3):
    error = y_true - y_pred
    return K.mean(K.maximum(q * error, (q - 1.0) * error), axis=-1)


def contrastive(y_true, y_pred):
    return K.mean(y_true * K.square(y_pred) + (1.0 - y_true) * K.square(K.maximum(1.0 - y_pred, 0.0)))


def weighted_crossentropy(y_true, y_pred):
    weights = K.variable([0.5, 1.0, 2.0])
    return K.categorical_crossentropy(y_true, y_pred) * K.sum(weights * y_true, axis=-1)


def correlation(y_true, y_pred):
    a = y_true - K.mean(y_true, axis=0)
    b = y_pred - K.mean(y_pred, axis=0)
    spread = K.sqrt(K.sum(K.square(a), axis=0) * K.sum(K.square(b), axis=0))
    return 1.0 - K.mean(K.sum(a * b, axis=0) / (spread + K.epsilon()))


def smoothed(y_true, y_pred):
    hot = K.one_hot(K.argmax(y_true, axis=-1), K.int_shape(y_pred)[-1])
    return K.mean(K.abs(0.9 * hot + 0.1 * K.ones_like(hot) / 3.0 - y_pred), axis=-1)


def huber(y_true, y_pred):
    error = y_true - y_pred
    small = K.less_equal(K.abs(error), 0.2)
    return K.mean(K.switch(small, 0.5 * K.square(error), 0.2 * (K.abs(error) - 0.1)), axis=-1)


def f1(y_true, y_pred):
    hits = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    precision = hits / (K.sum(K.round(K.clip(y_pred, 0, 1))) + K.epsilon())
    recall = hits / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())
    return 2 * precision * recall / (precision + recall + K.epsilon())


OLD_LOSSES = [dice, focal, pinball, contrastive, weighted_crossentropy, correlation, smoothed, huber]


@pytest.mark.parametrize("loss", OLD_LOSSES, ids=lambda f: f.__name__)
def test_losses_as_people_wrote_them(loss):
    fastfit.utils.set_random_seed(2)
    model = models.Sequential([layers.Input((3,)), layers.Dense(3, activation="softmax")])
    model.compile(optimizers.SGD(0.5), loss, metrics=[f1, dice_coefficient])
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
    y = np.eye(3, dtype="float32")[np.argmax(x, 1)]
    p = model.predict(x, verbose=0)
    logs = model.evaluate(x, y, batch_size=24, verbose=0, return_dict=True)
    for key, function in (("loss", loss), ("f1", f1), ("dice_coefficient", dice_coefficient)):
        assert logs[key] == pytest.approx(float(np.mean(function(y, p))), rel=1e-5), key
    history = model.fit(x, y, batch_size=24, epochs=6, verbose=0).history["loss"]
    assert all(b < a for a, b in zip(history, history[1:], strict=False)), history
    check_gradients(lambda q: K.mean(loss(y.astype("float64"), q)), p.astype("float64"), rtol=1e-4, atol=1e-6)


def test_old_style_values_are_those_of_the_classes():
    y, p = X.astype("float32"), Y.astype("float32")
    value = K.mean(K.square(p - y), axis=-1)
    np.testing.assert_allclose(np.mean(value), losses.MeanSquaredError()(y, p), rtol=1e-6)
    metric = metrics.MeanMetricWrapper(lambda a, b: K.mean(K.abs(a - b), axis=-1), name="gap")
    np.testing.assert_allclose(metric(y, p), np.abs(y - p).mean(), rtol=1e-6)
