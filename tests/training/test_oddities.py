"""Warnings of what training goes on with, and nobody can have meant."""

import warnings

import numpy as np
import pytest

import fastfit as ff

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


def model(**kwargs):
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1, activation="sigmoid", name="out")])
    net.compile(**{"optimizer": "sgd", "loss": "mse", **kwargs})
    return net


def said(run, part):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    return [w for w in caught if part in str(w.message)]


# Rows that meet all rows ----------------------------------------------------------------------------------------------


def subtracts(y, p):
    return ff.ops.mean(ff.ops.square(ff.ops.squeeze(p, -1) - y), axis=-1)


def plain_numpy(y, p):
    return np.mean(np.abs(y - p[:, 0]), axis=-1)


def weighs(y, p):
    return ff.ops.mean(ff.ops.where(ff.ops.squeeze(y, -1) > 0, 2.0, 1.0) * ff.ops.abs(y - p), axis=-1)


def meant(y, p):
    p = ff.ops.reshape(p, (-1,))
    return ff.ops.mean(ff.ops.expand_dims(p, 0) - ff.ops.expand_dims(p, 1), axis=-1)


@pytest.mark.parametrize("function", [subtracts, plain_numpy, weighs])
@pytest.mark.parametrize("use", ["loss", "metric", "add_loss"])
def test_rows_that_meet_all_rows(function, use):
    if use == "loss":
        net = model(loss=lambda y, p: function(y, p))
    elif use == "metric":
        net = model(metrics=[function])
    else:

        class Net(ff.Model):
            def __init__(self):
                super().__init__()
                self.d = ff.layers.Dense(1)

            def call(self, z):
                p = self.d(z)
                self.add_loss(ff.ops.mean(function(z[:, :1], p)))
                return p

        net = Net()
        net.compile("sgd", "mse")
        net(X)
    found = said(lambda: net.train_on_batch(X, Y), "are broadcast")
    assert len(found) == 1
    text = str(found[0].message)
    assert "(None, 1) and (None,)" in text and text.endswith(__file__)
    assert found[0].filename == __file__
    assert function.__code__.co_firstlineno < found[0].lineno <= function.__code__.co_firstlineno + 2
    assert not said(lambda: net.train_on_batch(X, Y), "are broadcast")  # once


def test_targets_of_one_axis_in_a_metric():
    def distance(y, p):
        return ff.ops.abs(y - p)

    assert len(said(lambda: model(metrics=[distance]).fit(X, Y[:, 0], verbose=0), "(None, 1) and (None,)")) == 1


@pytest.mark.parametrize("y", [Y, Y[:, 0]])
def test_what_is_meant_does_not_warn(y):
    def run():
        net = model(loss="binary_crossentropy", metrics=["accuracy", "mae", "AUC", meant], weighted_metrics=["mse"])
        net.fit(X, y, sample_weight=np.ones(40), verbose=0)
        model(loss=lambda y, p: ff.ops.abs(y - p)).fit(X, y, verbose=0)  # a loss gets (n,) as (n, 1)
        model(loss=meant).fit(X, Y, verbose=0)

    assert not said(run, "broadcast")


# A loss that is no number ---------------------------------------------------------------------------------------------


def with_bad(array, row, value=np.nan):
    array = array.copy()
    array[row] = value
    return array


CASES = {
    "x": (with_bad(X, 13), Y, None, "with `x`: row 13, which is in step 2 of"),
    "infinite x": (with_bad(X, 13, np.inf), Y, None, "with `x`: row 13"),
    "y": (X, with_bad(Y, 39), None, "with `y`: row 39, which is in step 4 of"),
    "weights of rows": (X, Y, with_bad(np.ones(40, "f4"), 0), "with `sample_weight`: row 0, which is in step 1 of"),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_that_are_none(case):
    x, y, w, part = CASES[case]
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1)])
    net.compile("sgd", "mse")
    found = said(
        lambda: net.fit(x, y, sample_weight=w, batch_size=10, epochs=3, shuffle=False, verbose=0), "of epoch 1 on"
    )
    step = part.rpartition("step ")[2].partition(" of")[0]
    assert len(found) == 1 and (not step.isdigit() or f"from step {step} of epoch 1 on" in str(found[0].message))
    assert part in str(found[0].message) and found[0].filename == __file__


def test_a_row_that_was_shuffled():
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1)])
    net.compile("sgd", "mse")
    (found,) = said(lambda: net.fit(with_bad(X, 13), Y, batch_size=10, verbose=0), "of epoch 1 on")
    assert "row 13, which is in step" in str(found.message)


def test_steps_that_are_too_large():
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1)])
    net.compile(ff.optimizers.SGD(1e6), "mse")
    (found,) = said(lambda: net.fit(X, Y, epochs=60, batch_size=10, verbose=0), "The data are finite; weights are not")
    assert "smaller learning rate" in str(found.message)
    batches = [(X[:10], Y[:10])] * 60
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1)])
    net.compile(ff.optimizers.SGD(1e6), "mse")
    assert said(lambda: net.fit(iter(batches), verbose=0), "The data of that step were finite; weights are not")


@pytest.mark.parametrize("name", ["x", "y", "sample_weight"])
def test_a_batch_of_a_stream_with_numbers_that_are_none(name):
    arrays = {"x": X, "y": Y, "sample_weight": np.ones(40, "f4")}
    bad = {**arrays, name: with_bad(arrays[name], 13)}
    net = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1)])
    net.compile("sgd", "mse")
    batches = [tuple(a[i : i + 10] for a in group.values()) for group in (arrays, bad) for i in (0, 10)]
    run = {"epochs": 2, "steps_per_epoch": 2, "verbose": 0}
    (found,) = said(lambda: net.fit(iter(batches), **run), "from step 2 of epoch 2 on")
    assert f"came in with `{name}`: row 3 of the batch" in str(found.message)


def test_a_loss_that_divides_by_zero():
    net = model(loss=lambda y, p: ff.ops.sum(p, axis=-1) / ff.ops.sum(y * 0, axis=-1))
    assert len(said(lambda: net.fit(X, Y, epochs=2, verbose=0), "from step 1 of epoch 1 on")) == 1


@pytest.mark.parametrize("hooks", [(), [ff.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("bad", [0, 2, 3])
def test_the_step_of_a_loss_that_is_none(bad, streamed, hooks):
    x = np.ones((40, 4), "f4")
    x[10 * bad : 10 * bad + 10] = -1.0  # finite, but not its logarithm
    net = model(loss=lambda y, p: ff.ops.mean(ff.ops.log(ff.ops.sum(y, axis=-1)) + 0 * ff.ops.sum(p, axis=-1)))
    good = np.abs(x[:, :1])
    arguments = {"epochs": 3, "verbose": 0, "callbacks": list(hooks)}

    class Turns(ff.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            targets[:] = good if epoch == 0 else x[:, :1]

    targets = good.copy()
    arguments["callbacks"].append(Turns())

    def batches():
        while True:
            for start in range(0, 40, 10):
                yield x[start : start + 10], targets[start : start + 10].copy()

    if streamed:
        found = said(lambda: net.fit(batches(), steps_per_epoch=4, **arguments), "The loss is")
    else:
        found = said(lambda: net.fit(x, targets, batch_size=10, shuffle=False, **arguments), "The loss is")
    assert len(found) == 1 and f"from step {bad + 1} of epoch 2 on" in str(found[0].message), found[0].message


# Labels that are none -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["binary_crossentropy", "bce", ff.losses.BinaryCrossentropy(from_logits=True)])
@pytest.mark.parametrize("y", [2 * Y - 1, 255 * Y, (2 * Y - 1).astype("int8"), 3 * Y[:, 0]])
def test_labels_that_are_none(loss, y):
    (found,) = said(lambda: model(loss=loss).fit(X, y, epochs=2, verbose=0), "not all in [0, 1]")
    assert "output 'out'" in str(found.message) and f"to {y.max()}" in str(found.message)
    assert len(said(lambda: model(loss=loss).fit(iter([(X, y)]), verbose=0), "not all in [0, 1]")) == 1

    class Twice(ff.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return X, y

    assert len(said(lambda: model(loss=loss).fit(Twice(), epochs=2, verbose=0), "not all in [0, 1]")) == 1


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse", "hinge"])
def test_labels_that_are_some(loss):
    for y in (Y, Y[:, 0] > 0, 0.9 * Y + 0.05):
        assert not said(lambda y=y: model(loss=loss).fit(X, y, verbose=0), "[0, 1]")
    if loss != "binary_crossentropy":
        assert not said(lambda: model(loss=loss).fit(X, 2 * Y - 1, verbose=0), "[0, 1]")


# Calls other than fit -------------------------------------------------------------------------------------------------


def _with_nan(n=8):
    x = np.ones((n, 2), "f")
    x[3, 1] = np.nan
    return x, np.ones((n, 1), "f")


def _line():
    model = ff.models.Sequential([ff.layers.Input((2,)), ff.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("call", ["evaluate", "train_on_batch", "test_on_batch"])
def test_other_calls_say_where_a_nan_came_from(call):
    options = {"verbose": 0} if call == "evaluate" else {}
    with pytest.warns(UserWarning, match=rf"The loss of {call}\(\) is nan. It came in with `x`: row 3 is not finite"):
        getattr(_line(), call)(*_with_nan(), **options)


def test_evaluate_of_a_stream_blames_no_row():
    batches = [_with_nan()]
    with pytest.warns(UserWarning, match="The data were read batch by batch and are gone"):
        _line().evaluate(iter(batches), verbose=0)


def test_validation_warns_once():
    x = np.ones((8, 2), "f")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _line().fit(x, x[:, :1], epochs=3, validation_data=_with_nan(), verbose=0)
    assert [str(w.message)[:33] for w in said] == ["The loss of validation is nan. It"]


def test_weights_that_are_no_numbers_are_named():
    model = _line()
    model.layers[-1].kernel.assign([[np.inf], [0.0]])
    x = np.ones((8, 2), "f")
    with pytest.warns(UserWarning, match="weights are not, such as .*kernel"):
        model.evaluate(x, x[:, :1], verbose=0)
