"""Models and layers walked through beside Keras: the same lines give the same values, structures and names."""

import warnings

import keras
import numpy as np
import pytest

import fastfit


def rows(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def fill(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.weights])
    return model


def plain(x):
    if isinstance(x, dict):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return (tuple if isinstance(x, tuple) else list)(plain(value) for value in x)  # Keras has lists of its own
    return x if x is None or isinstance(x, (str, int, float, bool)) else np.asarray(x)


def assert_same(a, b, where=""):
    assert type(a) is type(b), (where, a, b)
    if isinstance(a, dict):
        assert list(a) == list(b), where
        for key in a:
            assert_same(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), (where, a, b)
        for i, (p, q) in enumerate(zip(a, b, strict=True)):
            assert_same(p, q, f"{where}[{i}]")
    elif isinstance(a, (float, np.ndarray)):
        assert np.shape(a) == np.shape(b), where
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=where)
    else:
        assert a == b, where


CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def names(layers):
    return [layer.name for layer in layers]


def paths(model):
    return [w.path for w in model.weights]


# Graphs ------------------------------------------------------------------------------------------------------------


@case
def shared_layers(k):
    a, b, d = k.Input((4,), name="a"), k.Input((4,), name="b"), k.layers.Dense(3, name="d")
    model = fill(k.Model([a, b], [k.layers.Add()([d(a), d(b)]), k.layers.Concatenate()([d(a), b])]))
    values = model.predict([rows(5, 4), rows(5, 4, seed=2)], verbose=0)
    return [values, names(model.layers), len(model.weights), model.output_names, model.count_params()]


@case
def slices(k):
    i = k.Input((4,), name="i")
    x = k.layers.Dense(5, name="x")(i)
    y = k.layers.Dense(6, name="y")(x)
    model = fill(k.Model(i, k.layers.Dense(2, name="z")(y)))
    head = k.Model(model.input, model.get_layer("x").output)
    tail = k.Model(model.layers[2].output, model.output)
    middle = k.Model(model.layers[1].output, model.layers[2].output)
    every = k.Model(model.inputs, [layer.output for layer in model.layers[1:]])
    several = k.Model(x, [y, model.output])
    shared = tail.layers[-1] is model.layers[-1]
    values = [head(rows(3, 4)), tail(rows(3, 6)), middle(rows(3, 5)), every(rows(3, 4)), several(rows(3, 5))]
    return [values, every.output_names, shared]


@case
def structures(k):
    a, b = k.Input((2,), name="a"), k.Input((3,), name="b")
    s, t, u = k.layers.Dense(1, name="s")(a), k.layers.Dense(2, name="t")(b), k.layers.Dense(3, name="u")(a)
    x, y = rows(4, 2), rows(4, 3)
    dicts = fill(k.Model({"a": a, "b": b}, {"p": s, "q": (t, u)}))
    tuples = fill(k.Model((a, b), (s, t)))
    nested = fill(k.Model({"x": [a, {"y": b}]}, s + 1.0))
    lists = fill(k.Model([a, b], [s]))
    return [
        dicts({"a": x, "b": y}),
        dicts.predict({"a": x, "b": y}, verbose=0),
        dicts({"a": x, "b": y, "more": x}),
        tuples((x, y)),
        tuples([x, y]),
        tuples.predict([x, y], verbose=0),
        nested({"x": [x, {"y": y}]}),
        nested.predict({"x": [x, {"y": y}]}, verbose=0),
        lists([x, y]),
        lists({"a": x, "b": y}),
        dicts.output_names,
    ]


@case
def an_input_is_an_output(k):
    a = k.Input((2,), name="a")
    d = k.layers.Dense(2, name="d")(a)
    model = fill(k.Model(a, [a, d, d]))
    return [model(rows(2, 2)), model.output_names[:2]]


@case
def paths_of_nested_models(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3, name="d"), k.layers.Dense(2, name="e")], name="inner")
    late = k.Sequential([k.Sequential([k.layers.Dense(3, name="f")], name="i"), k.layers.Dense(4, name="g")], name="j")
    x = k.Input((4,))
    model = k.Model(x, inner(late(k.layers.Dense(4, name="h")(x))), name="outer")

    class Sub(k.Model):
        def __init__(self):
            super().__init__(name="sub")
            self.parts = {"x": k.layers.Dense(2, name="x"), "y": [k.layers.Dense(3, name="y")]}
            self.last = k.layers.Dense(4, name="z")

        def call(self, x):
            return self.last(self.parts["y"][0](self.parts["x"](x)))

    sub = Sub()
    sub(rows(2, 2))
    return [paths(model), paths(sub), names(sub.layers), fill(sub)(rows(2, 2)), inner.layers[0].path]


@case
def trainable_through_nesting(k):
    inner = k.Sequential([k.Input((2,)), k.layers.Dense(2), k.layers.Dense(2)])
    x = k.Input((2,))
    model = k.Model(x, k.layers.Dense(1)(inner(x)))
    seen = []

    def look():
        counts = [len(m.trainable_weights) for m in (model, inner)] + [len(model.non_trainable_weights)]
        seen.append([counts, [layer.trainable for layer in inner.layers], model.trainable, inner.trainable])

    look()
    for layer, value in [
        (inner, False),
        (inner.layers[0], True),
        (model, True),
        (model, False),
        (model.layers[-1], True),
        (inner, True),
    ]:
        layer.trainable = value
        look()
    return seen


@case
def training_with_a_frozen_part(k):
    inner = k.Sequential([k.Input((2,)), k.layers.Dense(3), k.layers.Dense(2)])
    x = k.Input((2,))
    model = fill(k.Model(x, k.layers.Dense(1)(inner(x))))
    inner.trainable = False
    inner.layers[1].trainable = True
    model.compile("sgd", "mse")
    history = model.fit(rows(8, 2), rows(8, 1), epochs=2, shuffle=False, verbose=0).history
    return [history, model.get_weights()]


@case
def functional_subclass(k):
    class Mine(k.Model):
        def __init__(self, units=2, **kwargs):
            a = k.Input((3,))
            super().__init__(inputs=a, outputs=k.layers.Dense(units, name="d")(a), **kwargs)
            self.units = units
            self.extra = k.layers.Dense(1, name="extra")

        def call(self, x, training=None):
            return super().call(x) * 2

        def get_config(self):
            return {"units": self.units, "name": self.name}

    model = fill(Mine(4, name="mine"))
    again = Mine.from_config(model.get_config())
    return [model(rows(2, 3)), model.predict(rows(2, 3), verbose=0), again.units, again.name, len(again.weights)]


@case
def config_of_a_graph(k):
    a, b, d = k.Input((3,), name="a"), k.Input((3,), name="b"), k.layers.Dense(2, name="d")
    model = k.Model([a, b], {"o": k.layers.Concatenate(name="c")([d(a), d(b)])}, name="f")
    again = fill(k.Model.from_config(model.get_config()))
    from_text = k.models.model_from_json(model.to_json(indent=1))
    return [again([rows(2, 3), rows(2, 3)]), again.name, names(again.layers), names(from_text.layers)]


@case
def ops_between_layers(k):
    a = k.Input((4,), name="a")
    d = k.layers.Dense(4, name="d")(a)
    y = d + 1
    model = fill(k.Model(a, k.ops.concatenate([y * 2, a], axis=-1)))
    clone = fill(k.models.clone_model(model))
    parts = [k.Model(model.input, y)(rows(2, 4)), k.Model(y, y * 2)(rows(2, 4))]
    return [model(rows(2, 4)), clone(rows(2, 4)), parts, k.Model.from_config(model.get_config()).output_shape]


# Sequential --------------------------------------------------------------------------------------------------------


@case
def forms_of_the_first_layer(k):
    dense = k.layers.Dense
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layers in (
            [dense(3, input_shape=(4,)), dense(2)],
            [dense(3, input_dim=4), dense(2)],
            [k.Input((4,)), dense(3), dense(2)],
            [k.layers.InputLayer(shape=(4,)), dense(3), dense(2)],
            (k.layers.InputLayer(batch_shape=(None, 4)), dense(3), dense(2)),
        ):
            model = fill(k.Sequential(layers))
            made.append([model(rows(2, 4)), model.built, model.input_shape, model.output_shape, len(model.layers)])
    return made


@case
def a_stack_that_changes(k):
    model = k.Sequential()
    seen = [model.built]
    model.add(k.layers.Dense(3))
    model.add(k.layers.Dense(2))
    seen += [model.built, len(model.weights)]
    model.build((None, 4))
    fill(model)
    seen += [model.built, model(rows(2, 4)), model.predict(rows(2, 4), verbose=0)]
    model.pop()
    seen += [model.built, model.output_shape, model(rows(2, 4)), model.predict(rows(2, 4), verbose=0)]
    model.add(k.layers.Dense(5))
    fill(model)
    seen += [model.output_shape, model(rows(2, 4)), model.predict(rows(2, 4), verbose=0)]
    return seen


@case
def a_stack_inside_a_graph_that_changes(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(4), k.layers.Dense(4)])
    outer = k.Sequential([k.Input((4,)), inner])
    fill(outer)
    seen = [outer(rows(2, 4)), outer.predict(rows(2, 4), verbose=0)]
    inner.pop()
    return [*seen, inner(rows(2, 4))]


@case
def popped_and_trained_again(k):
    model = fill(k.Sequential([k.Input((3,)), k.layers.Dense(2), k.layers.Dense(1)]))
    model.compile("sgd", "mse")
    model.fit(rows(4, 3), rows(4, 1), verbose=0, shuffle=False)
    model.pop()
    model.compile("sgd", "mse")
    history = model.fit(rows(4, 3), rows(4, 2), verbose=0, shuffle=False).history
    return [history, model.predict(rows(4, 3), verbose=0)]


# Clones ------------------------------------------------------------------------------------------------------------


@case
def clones(k):
    a, d = k.Input((3,), name="a"), k.layers.Dense(3, name="d")
    inner = k.Sequential([k.layers.Dense(3, name="q")], name="inner")
    model = k.Model(a, inner(d(d(a))), name="f")
    model.layers[1].trainable = False

    def renamed(layer):
        config = layer.get_config()
        config["name"] += "_c"
        return type(layer).from_config(config)

    calls = []

    def call(layer, *args, **kwargs):
        calls.append(layer.name)
        y = layer(*args, **kwargs)
        return k.layers.Dropout(0.5, name=f"drop_{len(calls)}")(y) if layer.name == "d" else y

    clone = k.models.clone_model(model)
    deep = k.models.clone_model(model, clone_function=renamed, recursive=True)
    shallow = k.models.clone_model(model, clone_function=lambda x: x if x.name == "inner" else renamed(x))
    onto = k.models.clone_model(model, input_tensors=k.Input((3,), name="other"))
    changed = k.models.clone_model(model, call_function=call)
    return [
        [clone.name, names(clone.layers), len(clone.weights), clone.layers[1] is not d, len(clone.trainable_weights)],
        [names(deep.layers), names(deep.layers[-1].layers)],
        shallow.get_layer("inner") is inner,
        names(onto.layers),
        [names(changed.layers), calls],
    ]


@case
def clones_of_compiled_models(k):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(2)])
    model.compile(k.optimizers.Adam(0.25), "mse", metrics=[k.metrics.MeanAbsoluteError(name="m")])
    model.fit(rows(4, 3), rows(4, 2), verbose=0)
    clone = fill(k.models.clone_model(model))
    values = clone.evaluate(rows(4, 3), rows(4, 2), verbose=0)
    apart = clone.optimizer is not model.optimizer
    return [clone.compiled, values, float(clone.optimizer.learning_rate), apart]


# Layers ------------------------------------------------------------------------------------------------------------


@case
def several_arguments(k):
    class Two(k.layers.Layer):
        def build(self, x_shape, y_shape):
            self.w = self.add_weight(shape=(x_shape[-1], y_shape[-1]), initializer="ones", name="w")

        def call(self, x, y, scale=1.0):
            return k.ops.matmul(x, self.w) * scale + y

    a, b, two = k.Input((2,)), k.Input((3,)), Two()
    model = k.Model([a, b], [two(a, b), two(a, y=b, scale=2.0)])
    x, y = rows(2, 2), rows(2, 3)
    again = Two.from_config({})
    again.build_from_config(two.get_build_config())
    return [model([x, y]), two.get_build_config(), Two()(x, y=y), again.w.shape]


@case
def structures_of_inputs(k):
    class Pair(k.layers.Layer):
        def build(self, shapes):
            self.shapes = shapes
            self.w = self.add_weight(shape=(shapes["u"][-1],), initializer="ones", name="w")

        def call(self, d):
            return {"o": d["u"] * self.w + d["v"][0]}

    pair = Pair()
    return [pair({"u": rows(2, 2), "v": [rows(2, 2)]}), pair.shapes, pair.get_build_config()]


@case
def weights_with_all_arguments(k):
    class Many(k.layers.Layer):
        def build(self, shape):
            self.a = self.add_weight(shape=(2, 3), initializer="ones", name="a", regularizer="l2", constraint="non_neg")
            self.b = self.add_weight(name="b", initializer="zeros")
            self.c = self.add_weight((3,), "zeros", "int32", trainable=False, name="c")
            self.d = self.add_weight(shape=(2,), initializer=k.initializers.Constant(4.0), dtype="float32", name="d")

        def call(self, x):
            return x

    many = Many(name="many")
    many(rows(2, 2))
    described = [(w.name, w.path, tuple(w.shape), str(w.dtype), w.trainable) for w in many.weights]
    return [described, [w.name for w in many.trainable_weights], many.losses, many.get_weights()]


@case
def training_flags(k):
    seen = []

    class Inner(k.layers.Layer):
        def call(self, x, training=None):
            seen.append(str(training))
            return x

    class Outer(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def call(self, x, training=False):
            return self.inner(x)

    layer = Outer()
    layer(rows(2, 2))
    layer(rows(2, 2))
    layer(rows(2, 2), training=True)
    return seen[-2:]  # Keras calls once more to build


@case
def configs_of_themselves(k):
    class Mine(k.layers.Layer):
        def __init__(self, units, act="relu", **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def call(self, x):
            return x

    layer = Mine(3, act="tanh", trainable=False)
    config = layer.get_config()
    again = Mine.from_config(config)
    return [config["units"], config["act"], config["trainable"], again.units, again.trainable]


@pytest.mark.parametrize("name", CASES)
def test_as_keras(name):
    results = []
    for k in (fastfit, keras):
        k.utils.clear_session()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(plain(CASES[name](k)))
    assert_same(*results)


# Errors ------------------------------------------------------------------------------------------------------------


def dense_model(k):
    a = k.Input((2,), name="a")
    return k.Model(a, k.layers.Dense(2, name="d")(a))


def sub_layer_after_build(k, value):
    class Mine(k.layers.Layer):
        def call(self, x):
            return x

    layer = Mine()
    layer(rows(2, 2))
    layer.more = value


def bare_layer(k, **methods):
    return type("Bare", (k.layers.Layer,), methods)()


ERRORS = {
    "layer after build": lambda k: sub_layer_after_build(k, k.layers.Dense(2)),
    "list after build": lambda k: sub_layer_after_build(k, [k.layers.Dense(2)]),
    "variable after build": lambda k: sub_layer_after_build(k, k.Variable(np.ones(1, "float32"))),
    "shape with None": lambda k: k.layers.Layer().add_weight(shape=(None, 2)),
    "unknown initializer": lambda k: k.layers.Layer().add_weight(shape=(2,), initializer="nothing"),
    "never called": lambda k: k.layers.Dense(2).output,
    "no argument": lambda k: k.layers.Dense(2)(),
    "no call": lambda k: bare_layer(k)(rows(2, 2)),
    "config with too much": lambda k: k.layers.Dense.from_config({"units": 2, "zzz": 1}),
    "config of an array": lambda k: (
        bare_layer(k, __init__=lambda self, u=None: k.layers.Layer.__init__(self)).__class__(np.zeros(3)).get_config()
    ),
    "inputs of nothing": lambda k: k.Sequential([k.layers.Dense(2)]).inputs,
    "outputs of nothing": lambda k: k.Sequential([k.layers.Dense(2)]).outputs,
    "input of nothing": lambda k: k.Sequential([k.layers.Dense(2)]).input,
    "call_function for a stack": lambda k: k.models.clone_model(
        k.Sequential([k.layers.Dense(2)]), call_function=lambda *a: 1
    ),
    "clone_function for a subclass": lambda k: k.models.clone_model(
        type("Sub", (k.Model,), {"call": lambda self, x: x})(), clone_function=lambda layer: layer
    ),
    "get_layer of nothing": lambda k: dense_model(k).get_layer("zz"),
    "get_layer without": lambda k: dense_model(k).get_layer(),
    "get_layer with both": lambda k: dense_model(k).get_layer("d", 1),
    "get_layer too far": lambda k: dense_model(k).get_layer(index=7),
    "setting layers": lambda k: setattr(dense_model(k), "layers", []),
    "rebuilt for another shape": lambda k: [
        m.build((None, s)) for m in [k.Sequential([k.layers.Dense(2)])] for s in (3, 5)
    ],
    "a count before build": lambda k: k.Sequential([k.layers.Dense(2)]).count_params(),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_keras_type(name):
    kinds = []
    for k in (keras, fastfit):
        with pytest.raises(Exception) as caught:  # noqa: B017, PT011
            ERRORS[name](k)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def test_a_layer_may_take_again_what_it_has():
    class Mine(fastfit.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = fastfit.layers.Dense(2)

        def call(self, x):
            return self.inner(x)

    layer = Mine()
    layer(rows(2, 2))
    layer.alias = layer.inner
    layer.numbers = [1, 2]
    layer.named = {"k": layer.inner.kernel}
    assert len(layer.weights) == 2


def test_clones_need_no_registered_loss():
    def own(y, p):
        return fastfit.ops.mean(fastfit.ops.abs(y - p), axis=-1)

    model = fastfit.Sequential([fastfit.Input((3,)), fastfit.layers.Dense(2)])
    model.compile("sgd", own, metrics=[own])
    clone = fastfit.models.clone_model(model)
    clone.set_weights(model.get_weights())
    x, y = rows(4, 3), rows(4, 2)
    assert clone.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert clone.optimizer is not model.optimizer


def optional_inputs(k):
    class Sum(k.layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

    a, b = k.Input((2,), name="a"), k.Input((2,), name="b", optional=True)
    return k.Model([a, b], Sum()(a, b))


def test_an_optional_input_may_be_none():
    for k in (fastfit, keras):
        model = optional_inputs(k)
        assert_same(np.asarray(model([rows(2, 2), None])), rows(2, 2))
        assert_same(np.asarray(model([rows(2, 2), rows(2, 2)])), 2 * rows(2, 2))
    with pytest.raises(ValueError, match='Input "a"'):
        optional_inputs(fastfit)([None, rows(2, 2)])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
def test_inputs_of_integers(dtype):
    x = np.array([[1.7, 2.2], [3.9, 0.1]]).astype(dtype)
    results = []
    for k in (fastfit, keras):
        a = k.Input((2,), dtype="int32")
        model = k.Model(a, k.ops.cast(a, "float32") * 2)
        model.compile("sgd", "mse")
        results.append([plain(model(x)), model.predict(x, verbose=0), model.evaluate(x, x * 1.0, verbose=0)])
    assert_same(*results)
