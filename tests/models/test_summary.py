"""``summary()`` against Keras, character by character."""

import keras
import numpy as np
import pytest

from fastfit import layers
from fastfit.models import Model, Sequential
from fastfit.utils.table import wrap


def text_of(model, **kwargs):
    """The summary as print_fn gets it: one string."""
    parts = []
    model.summary(print_fn=parts.append, **kwargs)
    (text,) = parts
    return text


def plain(lib, model, sequential):
    return sequential([lib.Input((4,), name="i"), lib.Dense(3, name="a"), lib.Dense(1000, name="b")], name="plain")


def unbuilt(lib, model, sequential):
    return sequential([lib.Dense(3, name="a"), lib.Dense(1, name="b")], name="unbuilt")


def branching(lib, model, sequential):
    x, z = lib.Input((4,), name="x"), lib.Input((7,), name="z")
    a = lib.Dense(3, name="a_rather_long_name_that_needs_to_be_wrapped_somewhere")(x)
    b = lib.Dense(3, name="b")(z)
    c = lib.Add(name="c")([a, b])
    return model([x, z], [lib.Concatenate(name="d")([c, a, b]), c], name="branching")


def shared(lib, model, sequential):
    x = lib.Input((3,), name="x")
    d = lib.Dense(3, name="d")
    return model(x, d(d(x)), name="shared")


def nested(lib, model, sequential):
    inner = sequential([lib.Input((4,), name="ii"), lib.Dense(5, name="p"), lib.Dense(6, name="q")], name="inner")
    x = lib.Input((4,), name="x")
    frozen = lib.Dense(2, name="frozen", trainable=False)
    return model(x, frozen(inner(x)), name="nested")


BUILDERS = [plain, unbuilt, branching, shared, nested]
OPTIONS = [
    {},
    {"line_length": 100},
    {"line_length": 61},
    {"show_trainable": True, "line_length": 110},
    {"expand_nested": True, "line_length": 120},
    {"expand_nested": True, "show_trainable": True, "line_length": 130},
]


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_summary_as_keras(builder, options, monkeypatch):
    # rich folds what is wider than the terminal it sees
    monkeypatch.setenv("COLUMNS", "140")
    ours = text_of(builder(layers, Model, Sequential), **options)
    theirs = text_of(builder(keras.layers, keras.Model, keras.Sequential), **options)
    assert ours == theirs


@pytest.mark.parametrize("columns", ["80", "100", "200"])
def test_width_follows_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    for builder in (plain, branching):
        ours = text_of(builder(layers, Model, Sequential))
        assert ours == text_of(builder(keras.layers, keras.Model, keras.Sequential))


def test_positions_and_layer_range(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    for options in ({"positions": [0.3, 0.6, 1.0], "line_length": 90}, {"layer_range": ["a", "a"]}):
        ours = text_of(plain(layers, Model, Sequential), **options)
        assert ours == text_of(plain(keras.layers, keras.Model, keras.Sequential), **options)
    with pytest.raises(ValueError, match="do not match the layer names"):
        text_of(plain(layers, Model, Sequential), layer_range=["nothing", "b"])
    with pytest.raises(ValueError, match="Insufficient console width"):
        text_of(plain(layers, Model, Sequential), line_length=10)


def test_optimizer_line_counts_its_variables():
    class Built:
        built = True
        variables = [np.zeros((4, 3), "float32"), np.zeros((), "int64")]

    model = plain(layers, Model, Sequential)
    model.optimizer = Built()
    text = text_of(model)
    assert " Optimizer params: 13 (56.00 B)" in text
    assert f" Total params: {model.count_params() + 13:,} " in text


def test_prints_to_standard_output_by_default(capsys):
    plain(layers, Model, Sequential).summary()
    assert capsys.readouterr().out.startswith('Model: "plain"\n┏')


def test_wrap_cuts_words_that_are_too_long():
    assert wrap("abcdef gh", 4) == ["abc…", "gh"]
    assert wrap("ab cd", 5) == ["ab cd"]
    assert wrap("", 5) == [""]
