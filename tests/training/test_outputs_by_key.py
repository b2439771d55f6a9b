"""Models without a graph name their outputs by the keys of the dict that `call` returns."""

import warnings

import keras
import numpy as np
import pytest

import fastfit as ff

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("float32")
A, B = RNG.normal(size=(2, 24, 1)).astype("float32")
W = RNG.uniform(0.5, 2, 24).astype("float32")
FORMS = {
    "dict": lambda a, b: {"a": a, "b": b},
    "other order": lambda a, b: {"b": b, "a": a},
    "nested": lambda a, b: {"a": a, "r": {"b": b}},
    "list inside": lambda a, b: {"p": [a, b]},
    "one key": lambda a, b: {"a": a + b},
}


def make(lib, form, build=False):
    class Net(lib.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = lib.layers.Dense(1, name="a"), lib.layers.Dense(1, name="b")

        def call(self, z):
            return FORMS[form](self.a(z), self.b(z))

    net = Net()
    net(X[:1])
    weights = [np.linspace(-1, 1, 4, dtype="f4")[:, None], np.ones(1, "f4")] * 2
    if build:
        net.set_weights(weights)
        return net
    net = Net()  # compiled before it is built
    net.a.kernel_initializer = net.b.kernel_initializer = lambda shape, dtype=None: weights[0]
    net.a.bias_initializer = net.b.bias_initializer = lambda shape, dtype=None: weights[1]
    return net


CASES = {
    "losses": ("dict", {"loss": {"a": "mse", "b": "mae"}}, {"a": A, "b": B}, None),
    "other order": ("other order", {"loss": {"a": "mse", "b": "mae"}}, {"a": A, "b": B}, None),
    "one loss": ("dict", {"loss": "mse"}, {"b": B, "a": A}, None),
    "lists": ("dict", {"loss": ["mse", "mae"], "loss_weights": [2.0, 0.5]}, [A, B], None),
    "weights of losses": (
        "dict",
        {"loss": {"a": "mse", "b": "mae"}, "loss_weights": {"a": 2.0, "b": 0.5}},
        {"a": A, "b": B},
        None,
    ),
    "metrics": (
        "dict",
        {"loss": {"a": "mse", "b": "mae"}, "metrics": {"a": ["mae"], "b": ["mse", "mae"]}},
        {"a": A, "b": B},
        None,
    ),
    "weights of rows": (
        "dict",
        {"loss": {"a": "mse", "b": "mae"}, "weighted_metrics": {"b": ["mse"]}},
        {"a": A, "b": B},
        {"a": W, "b": 2 * W},
    ),
    "a target too many": ("dict", {"loss": {"a": "mse"}}, {"a": A, "b": B}, None),
    "a target for a loss": ("dict", {"loss": {"b": "mse"}}, {"b": B}, None),
    "nested": ("nested", {"loss": {"a": "mse", "r": {"b": "mae"}}}, {"a": A, "r": {"b": B}}, None),
    "one key": ("one key", {"loss": {"a": "mse"}, "metrics": {"a": ["mae"]}}, {"a": A}, None),
    "one array": ("one key", {"loss": "mse"}, A, None),
}


@pytest.mark.filterwarnings("ignore:No loss was given for outputs")
@pytest.mark.parametrize("build", [False, True], ids=["not built", "built"])
@pytest.mark.parametrize("case", CASES)
def test_as_keras(case, build):
    form, arguments, y, weights = CASES[case]
    histories = []
    for lib in (ff, keras):
        net = make(lib, form, build)
        net.compile(optimizer=lib.optimizers.SGD(0.01), **arguments)
        history = net.fit(
            X, y, batch_size=8, epochs=2, shuffle=False, verbose=0, sample_weight=weights, validation_data=(X, y)
        )
        histories.append(history.history)
    ours, theirs = histories
    if case == "a target for a loss":  # Keras cannot do without the other one here
        assert list(ours) == ["loss", "val_loss"]
        return
    assert sorted(ours) == sorted(theirs)
    for key, values in theirs.items():
        np.testing.assert_allclose(ours[key], values, rtol=2e-5, err_msg=key)


def _twin():
    z = ff.Input((4,))
    a, b = ff.layers.Dense(1)(z), ff.layers.Dense(1)(z)
    twin = ff.Model(z, {"a": a, "b": b})
    twin.set_weights([np.linspace(-1, 1, 4, dtype="f4")[:, None], np.ones(1, "f4")] * 2)
    return twin


ARGUMENTS = {"loss": {"a": "mse", "b": "mae"}, "metrics": {"b": ["mse"]}}


@pytest.mark.parametrize("build", [False, True], ids=["not built", "built"])
@pytest.mark.parametrize("source", ["generator", "dataset", "batch", "evaluate"])
def test_every_way_in(source, build):
    """A dict in another order, and with a target that nobody has a use for, is told by its keys."""

    class Batches(ff.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            part = slice(8 * i, 8 * i + 8)
            return X[part], {"b": B[part], "a": A[part]}, {"b": W[part], "a": W[part]}

    def run(net):
        net.compile(optimizer=ff.optimizers.SGD(0.01), **ARGUMENTS)
        weights = {"b": W, "a": W}
        if source == "batch":
            return [net.train_on_batch(X, {"b": B, "a": A}, weights, return_dict=True) for _ in range(2)]
        if source == "evaluate":
            return net.evaluate(X, {"b": B, "a": A}, sample_weight=weights, verbose=0, return_dict=True)
        data = Batches(workers=1) if source == "dataset" else (Batches()[i % 3] for i in range(6))
        return net.fit(data, epochs=2, steps_per_epoch=3, shuffle=False, verbose=0).history

    ours, theirs = run(make(ff, "dict", build)), run(_twin())
    assert str(ours) == str(theirs)


def test_a_stream_names_its_targets_too():
    net = make(ff, "dict")
    net.compile("sgd", loss={"b": "mse"})
    with pytest.warns(UserWarning, match="No loss was given for outputs"):
        history = net.fit(iter([(X, {"a": A, "b": B})]), verbose=0).history
    expected = np.mean((make(ff, "dict", build=True).predict(X, verbose=0)["b"] - B) ** 2)
    np.testing.assert_allclose(history["loss"], [expected], rtol=1e-5)


@pytest.mark.parametrize("build", [False, True], ids=["not built", "built"])
@pytest.mark.parametrize(
    ("arguments", "y", "error", "message"),
    [
        ({"loss": {"a": "mse", "c": "mae"}}, {"a": A, "b": B}, KeyError, r"keys \['c'\].*among: \['a', 'b'\]"),
        ({"loss": "mse", "metrics": {"c": "mae"}}, {"a": A, "b": B}, ValueError, r"keys \['c'\].*\['a', 'b'\]"),
        ({"loss": "mse", "loss_weights": {"c": 1.0}}, {"a": A, "b": B}, ValueError, r"keys \['c'\].*\['a', 'b'\]"),
        ({"loss": "mse"}, {"a": A, "c": B}, ValueError, r"outputs \['a', 'b'\].*missing: \['b'\]"),
        ({"loss": "mse"}, {"a": A}, ValueError, r"outputs \['a', 'b'\].*missing: \['b'\]"),
        ({"loss": "mse"}, [A], ValueError, "different structures"),
    ],
)
def test_keys_that_do_not_fit(build, arguments, y, error, message):
    net = make(ff, "dict", build)
    net.compile("sgd", **arguments)
    with pytest.raises(error, match=message):
        net.fit(X, y, verbose=0)


def test_what_is_predicted_has_the_keys():
    net = make(ff, "nested")
    net.compile("sgd", "mse")
    net.fit(X, {"a": A, "r": {"b": B}}, verbose=0)
    found = net.predict(X, verbose=0)
    assert list(found) == ["a", "r"] and list(found["r"]) == ["b"]
    np.testing.assert_allclose(found["r"]["b"], net(X)["r"]["b"], rtol=1e-6)


@ff.utils.register_keras_serializable("test_outputs_by_key")
class Saved(ff.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a, self.b = ff.layers.Dense(1), ff.layers.Dense(1)

    def call(self, z):
        return {"a": self.a(z), "b": self.b(z)}


def test_after_loading(tmp_path):
    net = Saved()
    net.compile("sgd", **ARGUMENTS)
    net.fit(X, {"a": A, "b": B}, verbose=0)
    net.save(tmp_path / "net.keras")
    twin = ff.saving.load_model(tmp_path / "net.keras")
    results = [m.evaluate(X, {"b": B, "a": A}, verbose=0, return_dict=True) for m in (net, twin)]
    assert results[0] == results[1]
    assert list(results[0]) == ["a_loss", "b_loss", "b_mse", "loss"]


def test_call_is_traced_no_more_than_it_needs_to_be():
    calls = []

    class Counted(Saved):
        def call(self, z):
            calls.append(1)
            return super().call(z)

    net = Counted()
    net.compile("sgd", "mse")
    net.fit(X, {"a": A, "b": B}, verbose=0)
    assert len(calls) == 2  # one that builds, one for the step
    net.fit(X, {"a": A, "b": B}, verbose=0)
    assert len(calls) == 2


# Wrong names, before it is known which outputs there are --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["subclass", "deferred Sequential"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "msee"}, "'msee'. Did you mean 'mse'"),
        ({"loss": {"a": "mse", "b": "maee"}}, "'maee'"),
        ({"loss": ["mse", 3]}, "Received: 3 of type int"),
        ({"loss": "mse", "metrics": ["f1"]}, "'f1'. Did you mean 'f1_score'"),
        ({"loss": "mse", "metrics": {"a": ["mse", "precison"]}}, "Did you mean 'precision'"),
        ({"loss": "mse", "metrics": [["mse"], ["accuray"]]}, "Did you mean 'accuracy'"),
        ({"loss": "mse", "weighted_metrics": [3]}, "Received: 3 of type int"),
        ({"loss": "mse", "metrics": "mse"}, "Expected `metrics` argument to be a list"),
        ({"loss": "mse", "loss_weights": ["1"]}, "`loss_weights` must hold numbers"),
        ({"loss": "mse", "optimizer": "adm"}, "Did you mean 'adam'"),
    ],
)
def test_compile_finds_what_is_no_name(kind, arguments, message):
    net = make(ff, "dict") if kind == "subclass" else ff.Sequential([ff.layers.Dense(1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message):
            net.compile(**arguments)
    assert not net.compiled
