"""The same model in fastfit and in installed Keras, from the same weights: what tests of training compare."""

import numpy as np
import pytest

import fastfit
from tests.training import nets

keras = pytest.importorskip("keras")

RTOL = 1e-4
BOTH = (fastfit, keras)
N, FEATURES, CLASSES = 75, 12, 4
X, Y = nets.data(N, FEATURES, CLASSES)
RNG = np.random.default_rng(4)
W = RNG.uniform(0.1, 2.0, N).astype("float32")
TARGET = RNG.standard_normal((N, 3)).astype("float32")


def classifier(lib):
    """Two layers; the same in either library."""
    inputs = lib.layers.Input((FEATURES,))
    x = lib.layers.Dense(16, activation="relu")(inputs)
    return lib.models.Model(inputs, lib.layers.Dense(CLASSES, activation="softmax", name="out")(x))


def regressor(lib):
    return lib.models.Sequential(
        [lib.layers.Input((FEATURES,)), lib.layers.Dense(8, activation="tanh"), lib.layers.Dense(3)]
    )


def several(lib, form="list"):
    """Two inputs, two outputs, a shared layer."""
    a, b = lib.layers.Input((5,), name="a"), lib.layers.Input((5,), name="b")
    shared = lib.layers.Dense(7, activation="tanh")
    x = lib.layers.Concatenate()([shared(a), shared(b)])
    p = lib.layers.Dense(1, activation="sigmoid", name="p")(lib.layers.Add()([shared(a), shared(b)]))
    q = lib.layers.Dense(3, name="q")(x)
    if form == "dict":
        return lib.models.Model({"a": a, "b": b}, {"p": p, "q": q})
    return lib.models.Model([a, b], [p, q])


A, B = RNG.standard_normal((2, N, 5)).astype("float32")
P = (RNG.uniform(size=(N, 1)) > 0.5).astype("float32")
Q = RNG.standard_normal((N, 3)).astype("float32")


_compiled = {}


@pytest.fixture(scope="module", autouse=True)
def quick_compiler():
    """Most of the time would go into XLA's optimizations of Keras's steps."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    _compiled.clear()


def pair(make, *args, **compiled):
    """The model in both libraries with the same weights; values of `compiled` may be functions of the library.

    Keras's model is made once for the same arguments, and set back to its first state.
    """
    ours = make(fastfit, *args)
    _compile(fastfit, ours, compiled)
    key = (make, args, tuple((k, id(v)) for k, v in compiled.items()))
    if key not in _compiled:
        theirs = make(keras, *args)
        _compile(keras, theirs, compiled)
        if compiled:
            theirs.optimizer.build(theirs.trainable_variables)
        variables = [*theirs.variables, *(theirs.optimizer.variables if compiled else ())]
        _compiled[key] = theirs, [(v, np.array(v)) for v in variables], compiled  # kept: ids are of living objects
    theirs, start, _ = _compiled[key]
    for variable, value in start:
        variable.assign(value)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def _compile(lib, model, compiled):
    if compiled:
        model.compile(**{k: v(lib) if getattr(v, "__name__", "") == "by_lib" else v for k, v in compiled.items()})


def by(function):
    """A value that differs by library."""

    def by_lib(lib):
        return function(lib)

    return by_lib


def close(ours, theirs):
    """Whether results, of any structure, are the same within the tolerance; keys in the same order."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for o, t in zip(ours, theirs, strict=True):
            close(o, t)
        return
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=RTOL, atol=2e-6)


def fit_both(models, *args, **kwargs):
    """Histories and weights agree; `kwargs` may be functions without arguments, called once per library."""
    histories = []
    for model in models:
        mine = {k: v() if getattr(v, "__name__", "") == "<lambda>" else v for k, v in kwargs.items()}
        histories.append(
            model.fit(*[a() if callable(a) else a for a in args], **{"verbose": 0, "shuffle": False, **mine})
        )
    ours, theirs = histories
    assert ours.epoch == theirs.epoch
    close(ours.history, theirs.history)
    close(models[0].get_weights(), models[1].get_weights())
    return ours


def sgd():
    return by(lambda lib: lib.optimizers.SGD(0.1))
