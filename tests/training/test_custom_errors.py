"""Code that cannot be traced or has no gradient: an error says what was done and what to write, nothing has changed."""

import math
import re
import warnings

import numpy as np
import pytest

import fastfit
from fastfit import layers, metrics, models, ops, optimizers
from fastfit.graph.tensor import make_input
from fastfit.graph.trace import Trace
from tests.training.nets import data
from tests.training.test_bad_input import state

X, IDS = data(24, 6, 3)
T = np.eye(3, dtype="float32")[IDS]


def network(**hidden):
    model = models.Sequential(
        [layers.Input((6,)), layers.Dense(4, **{"activation": "tanh", **hidden}), layers.Dense(3, name="out")]
    )
    model.compile("adam", "mse")
    model.fit(X, T, verbose=0)
    return model


def writes_into(y, p):
    d = p - y
    d[0] = 0
    return d


def adds_to_an_array(y, p):
    total = np.zeros((24, 3), "float32")
    total += p
    return total


def copies(y, p):
    out = np.zeros((24, 3))
    np.copyto(out, p)
    return out


def makes_an_array_of_its_shape(y, p):
    return np.zeros(p.shape) + p


UNTRACEABLE = {
    "if": (lambda y, p: p if ops.sum(p) > 0 else y, TypeError, "truth of a symbolic tensor.*ops.where"),
    "and": (lambda y, p: ops.mean(p) and y, TypeError, "truth.*`and`.*ops.where"),
    "in": (lambda y, p: p if 1 in p else y, TypeError, "Instead of `in`"),
    "float": (lambda y, p: float(ops.mean(p)), TypeError, "Instead of float\\(\\), use the functions of fastfit.ops"),
    "int": (lambda y, p: p * int(ops.mean(p)), TypeError, "Instead of int\\(\\)"),
    "round": (lambda y, p: round(ops.mean(p)), TypeError, "Instead of round\\(\\), use fastfit.ops.round"),
    "math": (lambda y, p: math.exp(ops.mean(p)), TypeError, "no value yet.*fastfit.ops"),
    "range": (lambda y, p: sum(p[:, i] for i in range(ops.sum(y))), TypeError, "fastfit.ops.take"),
    "rows": (lambda y, p: sum(row for row in p), TypeError, "Instead of a loop over rows use the functions"),
    "len": (lambda y, p: ops.sum(p) / len(p), TypeError, "fastfit.ops.shape\\(x\\)\\[0\\]"),
    "shape": (lambda y, p: sum(p[:, 0] for _ in range(p.shape[0])), TypeError, "known only when the program runs"),
    "numpy()": (lambda y, p: p.numpy(), AttributeError, "no `.numpy`.*Instead of taking the value, use the functions"),
    "item()": (lambda y, p: ops.mean(p).item(), AttributeError, "no `.item`.*fastfit.ops"),
    "tolist()": (lambda y, p: p.tolist(), AttributeError, "no `.tolist`.*fastfit.ops"),
    "method": (lambda y, p: p.argsort(), AttributeError, "Instead of the method `.argsort`.*fastfit.ops"),
    "asarray": (lambda y, p: np.asarray(p), TypeError, "Instead of converting it to an array, use the functions"),
    "array": (lambda y, p: np.array([p, p]), TypeError, "Instead of converting it to an array"),
    "text": (lambda y, p: float(f"{ops.mean(p)}"), ValueError, "symbolic tensors.*functions of fastfit.ops"),
    "item assignment": (writes_into, TypeError, "cannot be written into.*ops.where"),
    "in place": (adds_to_an_array, TypeError, "numpy.add with out=.*nothing is written in place"),
    "out": (lambda y, p: np.exp(p, out=np.zeros((24, 3))), TypeError, "numpy.exp with out=.*fastfit.ops"),
    "copyto": (copies, TypeError, "numpy.copyto cannot be traced.*Use functions of fastfit.ops"),
    "zeros": (makes_an_array_of_its_shape, TypeError, "known only when the program runs.*fastfit.ops.ones"),
    "numpy without op": (lambda y, p: np.interp(p, [0, 1], [0, 1]), TypeError, "numpy.interp cannot be traced"),
    "vectorize": (lambda y, p: np.vectorize(abs)(p), TypeError, "Instead of converting it to an array"),
    "mask index": (lambda y, p: p[p > 0], TypeError, "Indexing with a symbolic tensor: use fastfit.ops.take.*where"),
    "rows of the batch": (lambda y, p: (p[1:] - p[:-1]) ** 2, TypeError, "slice of the batch axis.*weights"),
    "axis": (lambda y, p: np.mean(p, axis=5), ValueError, "axis 5 is out of bounds"),
    "broadcast": (lambda y, p: p + np.ones((2, 7)), ValueError, "shape"),
    "text returned": (lambda y, p: "loss", ValueError, "must return an array or tensor.*Received: 'loss'"),
    "nothing returned": (lambda y, p: None, ValueError, "must return an array or tensor.*Received: None"),
    "of a library": (lambda y, p: pytest.importorskip("scipy.special").expit(p), TypeError, "ufunc expit cannot be"),
    "of torch": (lambda y, p: pytest.importorskip("torch").mean(p), TypeError, "PyTorch cannot be traced.*`mean`"),
    "of jax": (lambda y, p: pytest.importorskip("jax").numpy.mean(p), TypeError, "KerasTensor.*fastfit.ops"),
}  # fmt: skip


def fails(model, call, error, match):
    """The call raises, says so in its message or notes, and weights and optimizer are as they were."""
    before = state(model)
    with pytest.raises(error) as caught:
        call()
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert re.search(match, text, re.DOTALL), text
    assert state(model) == before
    return text


@pytest.mark.parametrize("name", UNTRACEABLE)
def test_losses(name):
    loss, error, match = UNTRACEABLE[name]
    model = network()
    model.compile(model.optimizer, loss)
    text = fails(model, lambda: model.fit(X, T, verbose=0), error, match)
    if "returned" not in name and name != "rows of the batch":  # raised inside the function
        assert "test_custom_errors.py) was traced" in text


@pytest.mark.parametrize("name", ["if", "numpy()", "in place", "shape", "numpy without op", "of torch"])
def test_metrics_regularizers_activations_and_layers(name):
    code, error, match = UNTRACEABLE[name]

    class Own(fastfit.metrics.Metric):
        def update_state(self, y, p, sample_weight=None):
            code(y, p)

    model = network()
    for metric in (code, Own()):
        model.compile(model.optimizer, "mse", metrics=[metric])
        fails(model, lambda: model.fit(X, T, verbose=0), error, match)
    for hidden in ({"activation": lambda x: code(x, x)}, {"activity_regularizer": lambda x: code(x, x)}):
        with pytest.raises(error, match=match.split(".*")[0]):
            network(**hidden)
    inputs = layers.Input((6,))
    with pytest.raises(error, match=match.split(".*")[0]) as caught:
        layers.Lambda(lambda x: code(x, x))(inputs)
    assert "was traced" in caught.value.__notes__[0]


def test_variables_in_traced_code():
    """float(), if and np.asarray of a variable would freeze its value in the program."""
    weight = fastfit.Variable(np.float32(2.0))
    for code in (float, bool, int, np.asarray):
        with Trace(), pytest.raises(TypeError, match="inside a traced function"):
            code(weight)
        assert code(weight) == code(2.0)  # and outside it is an array


def test_what_is_no_value_still_works():
    """Shapes, dtypes, printing, comparisons with None and lengths of known axes are fine in traced code."""

    def loss(y, p):
        assert p is not None and p != None and p.shape[-1] == 3 and p.ndim == 2 and p.dtype == "float32"  # noqa: E711
        assert "KerasTensor" in f"{p!r}" and not hasattr(p, "numpy") and len(p[0]) == 3
        whole, rest = divmod(p, 2.0)
        return np.sum(whole * 2 + rest, axis=-1) ** 2 / p.size * np.size(p)

    model = network()
    model.compile("sgd", loss)
    logs = model.fit(X, T, verbose=0, batch_size=12)
    assert np.isfinite(logs.history["loss"][0])


def test_notes_are_only_for_code_of_the_user():
    model = network()
    with pytest.raises(ValueError, match="shape") as caught:
        model.fit(X, np.ones((24, 2)), verbose=0)
    assert not getattr(caught.value, "__notes__", ())
    with pytest.raises(ValueError), Trace():
        ops.matmul(make_input((None, 3)), make_input((2, 2)))


# No gradient --------------------------------------------------------------------------------------------------------

STEPS = {
    "round": lambda y, p: np.mean((np.round(p) - y) ** 2, axis=-1),
    "argmax": lambda y, p: ops.cast(np.argmax(p, axis=-1), "float32"),
    "argsort": lambda y, p: ops.mean(ops.cast(ops.argsort(p), "float32"), axis=-1),
    "greater": lambda y, p: np.mean((p > y).astype("float32"), axis=-1),
    "not_equal": lambda y, p: np.mean(np.where(p != y, 1.0, 0.0), axis=-1),
    "cast": lambda y, p: np.mean((p.astype("int32") - y) ** 2, axis=-1),
    "sign": lambda y, p: np.mean(np.sign(p), axis=-1),
    "floor": lambda y, p: np.mean(np.floor(p) + y, axis=-1),
    "isfinite": lambda y, p: np.mean(ops.cast(np.isfinite(p), "float32"), axis=-1),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_loss_that_moves_in_steps_names_the_op(name):
    model = network()
    model.compile(model.optimizer, STEPS[name])
    match = f"No gradients provided for any variable.*only through '{name}'.*Replace it by something smooth"
    fails(model, lambda: model.fit(X, T, verbose=0), ValueError, match)
    assert np.isfinite(model.evaluate(X, T, verbose=0))  # as a figure it is as good as any


@pytest.mark.parametrize("name", STEPS)
def test_a_loss_that_moves_in_steps_warns_beside_a_regularizer(name):
    """Everything gets a gradient from the regularizers; that the loss gives none must not pass in silence."""
    l2 = {"kernel_regularizer": "l2", "bias_regularizer": "l2"}
    model = models.Sequential([layers.Input((6,)), layers.Dense(3, name="out", **l2)])
    model.compile("sgd", STEPS[name])
    with pytest.warns(UserWarning, match=f"loss of output 'out' trains nothing.*only through '{name}'"):
        model.fit(X, T, verbose=0)


@pytest.mark.parametrize(
    "loss",
    [
        lambda y, p: np.mean(y**2, axis=-1),
        lambda y, p: 3.0,
        lambda y, p: np.ones(4, "float32"),
        lambda y, p: ops.stop_gradient(p),
        lambda y, p: ops.zeros_like(p),
    ],
)
def test_a_loss_of_nothing_in_the_model(loss):
    model = network()
    model.compile(model.optimizer, loss)
    fails(model, lambda: model.fit(X, T, verbose=0), ValueError, "No gradients provided.*depends on none of .*kernel")


def test_only_some_variables_without_a_gradient():
    inputs = layers.Input((6,))
    model = models.Model(inputs, [layers.Dense(2, name="a")(inputs), layers.Dense(2, name="b")(inputs)])
    model.compile("sgd", ["mse", None])
    before = model.get_weights()
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['b/kernel', 'b/bias'\]"):
        model.fit(X, [T[:, :2], None], verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True, True, False, False]


def test_what_is_smooth_in_parts_does_not_warn():
    """Steps inside a loss that is smooth elsewhere, a dummy loss beside add_loss, a straight-through estimate."""

    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(ops.mean(ops.square(x)))
            return x

    inputs = layers.Input((6,))
    outputs = Penalty()(layers.Dense(3)(inputs))
    for loss in (
        lambda y, p: np.mean(np.where(p > y, p - y, 0.3 * (y - p)), axis=-1),
        lambda y, p: ops.zeros_like(p),
        lambda y, p: np.mean((p + ops.stop_gradient(np.round(p) - p) - y) ** 2, axis=-1),
    ):
        model = models.Model(inputs, outputs)
        model.compile(optimizers.SGD(0.1), loss)
        before = model.get_weights()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, T, verbose=0)
        assert not np.array_equal(before[0], model.get_weights()[0])


class WithoutSuper(models.Model):
    def __init__(self):
        self.inner = layers.Dense(3)

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m(X),
        lambda m: m.predict(X, verbose=0),
        lambda m: (m.compile("sgd", "mse"), m.fit(X, T, verbose=0)),
        lambda m: (m.compile("sgd", "mse"), m.evaluate(X, T, verbose=0)),
        lambda m: (m.compile("sgd", "mse"), m.train_on_batch(X, T)),
    ],
    ids=["call", "predict", "fit", "evaluate", "train_on_batch"],
)
def test_a_model_that_forgot_super_says_so(use):
    with pytest.raises(RuntimeError, match=r"'WithoutSuper', you forgot to call `super\(\).__init__\(\)`"):
        use(WithoutSuper())


class NeedsTraining(models.Model):
    """Takes ``training`` without a default, which every step gives."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(3, kernel_initializer="ones")

    def call(self, x, training):
        return self.inner(x) * (2.0 if training else 1.0)


def test_training_without_a_default_is_given_by_the_steps():
    model, zero = NeedsTraining(), 0 * T
    model.compile(optimizers.SGD(0.0), "mse")
    trained = model.fit(X, zero, batch_size=24, verbose=0).history["loss"][0]
    assert trained == pytest.approx(4 * model.evaluate(X, zero, batch_size=24, verbose=0), rel=1e-5)
    np.testing.assert_allclose(model.predict(X, verbose=0), np.tile(X.sum(1, keepdims=True), 3), rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_returned_instead_of_called():
    class Returns(models.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(3)

        def call(self, x):
            return self.inner

    model = Returns()
    model.compile("sgd", "mse")
    for use in (lambda: model.fit(X, T, verbose=0), lambda: model.predict(X, verbose=0)):
        with pytest.raises(TypeError, match="must return tensors.*Received: <Dense"):
            use()


@pytest.mark.parametrize("wrong", ["adam", {"class_name": "Adam"}, optimizers.Adam])
def test_an_optimizer_by_assignment_must_be_one(wrong):
    model = network()
    before = state(model)
    model.optimizer, kept = wrong, model.optimizer
    with pytest.raises(ValueError, match=r"`model.optimizer` must be an Optimizer.*Received: model.optimizer="):
        model.fit(X, T, verbose=0)
    model.optimizer = kept
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "output",
    [
        lambda x: ops.matmul(x, ops.transpose(x)),
        lambda x: ops.transpose(x),
        lambda x: ops.quantile(x, [0.1, 0.5], axis=1),
        lambda x: ops.segment_sum(ops.transpose(x), np.array([0, 1, 1]), 2),
    ],
)
def test_outputs_whose_batch_is_not_the_first_axis(output):
    x = layers.Input((3,))
    model = models.Model(x, output(x))
    rows = np.ones((2, 3), "float32")
    for call in (model, model.predict_on_batch, lambda rows: model.predict(rows, verbose=0)):
        with pytest.raises(NotImplementedError, match="only the first can be the batch.*shape="):
            call(rows)


@pytest.mark.parametrize("axes", [{}, {"axis": 0}, {"axis": 0, "keepdims": True}])
def test_an_output_without_rows(axes):
    x = layers.Input((3,))
    with pytest.raises(NotImplementedError, match="must have the rows of the batch.*the same for all rows"):
        models.Model(x, ops.sum(x, **axes)).predict(np.ones((2, 3)), verbose=0)


def test_shapes_that_do_not_meet():
    with pytest.raises(ValueError, match=r"'equal' cannot broadcast.*\(4, 3\), \(5, 2\)"):
        metrics.Accuracy()(np.zeros((4, 3)), np.zeros((5, 2)))


def test_rows_broadcast_to_others():
    rows = layers.Input(())
    with pytest.raises(ValueError, match="1 rows for each row of the batch cannot be broadcast to 3 for each"):
        ops.broadcast_to(rows, ops.shape(ops.repeat(rows, 3, axis=0)))


def test_two_axes_of_the_batch_with_several_rows_each():
    x = layers.Input((2,))
    pairs = ops.reshape(ops.expand_dims(x, 1) * x, (-1, ops.shape(x)[0]))  # 2 n rows of n
    model = models.Model(x, ops.sum(ops.exp(pairs)) + x)
    with pytest.raises(NotImplementedError, match="two axes of the batch's size"):
        model.predict(np.ones((3, 2), "float32"), verbose=0)


def test_products_whose_batch_lies_beside_another_axis():
    """(n, 2, 2, 3) by (n, 3, 2): as in NumPy, n meets 2, which goes well for one or two rows."""
    x, z = layers.Input((2, 2, 3)), layers.Input((3, 2))
    model = models.Model([x, z], ops.matmul(x, z))
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2, 2, 3)).astype("float32"), rng.normal(size=(2, 3, 2)).astype("float32")
    np.testing.assert_allclose(model.predict([a, b], verbose=0), a @ b, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="'matmul'.*failed for a batch of 3 rows"):
        model.predict([np.ones((3, 2, 2, 3)), np.ones((3, 3, 2))], verbose=0)


@pytest.mark.parametrize("product", [ops.matmul, lambda x, z: ops.einsum("bij,bjk->bik", x, z)])
@pytest.mark.parametrize("kept", [np.asarray, fastfit.Variable])
def test_products_of_the_batch_with_fixed_rows(product, kept):
    rng = np.random.default_rng(0)
    a, z = rng.normal(size=(5, 4, 4)).astype("float32"), rng.normal(size=(3, 4, 2)).astype("float32")
    x = layers.Input((4, 4))

    class Product(layers.Layer):
        other = kept(z)

        def call(self, x):
            return product(x, self.other)

    model = models.Model(x, Product()(x))
    np.testing.assert_allclose(model.predict(a[:3], verbose=0), a[:3] @ z, rtol=1e-5, atol=1e-6)
    for rows in (1, 2, 5):
        with pytest.raises(ValueError, match=f"batch of {rows} rows"):
            model.predict(a[:rows], verbose=0)


def test_gradient_of_a_crossentropy_of_pairs():
    """Its rows are those of the batch, and so are its classes."""
    x = layers.Input(())
    model = models.Model(x, layers.Dense(1)(ops.expand_dims(x, -1)))
    model.compile("sgd", lambda y, p: ops.binary_crossentropy(ops.sigmoid(p[:, 0]), ops.sigmoid(p[:, 0])))
    model.fit(np.ones(5), np.ones((5, 1)), verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()


@pytest.mark.parametrize(
    "op",
    [
        lambda ids, p: ops.cast(ops.in_top_k(ids, p, k=2), "float32"),
        lambda ids, p: ops.categorical_crossentropy(ops.one_hot(ids, 3), p),
        lambda ids, p: fastfit.metrics.categorical_accuracy(ops.one_hot(ids, 3), p),
        lambda ids, p: fastfit.metrics.sparse_categorical_accuracy(ids, p),
        lambda ids, p: fastfit.losses.mean_squared_error(ops.one_hot(ids, 3), p),
        lambda ids, p: ops.take_along_axis(p, ids[:, None], axis=1),
    ],
)
def test_rows_of_predictions_that_are_no_rows_of_the_targets(op):
    ids, p = layers.Input((), dtype="int32"), layers.Input((3,))
    twice = ops.concatenate([p, p], axis=0)
    model = models.Model([ids, p], ops.sum(op(ids, twice)) + p)
    with pytest.raises((ValueError, IndexError, NotImplementedError), match="batch of 4 rows|no whole parts of a row"):
        model.predict([np.arange(4) % 3, np.ones((4, 3), "float32")], verbose=0)
