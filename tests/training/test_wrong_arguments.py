"""Arguments that cannot be: the error of Keras's type, with what was expected and received, before anything changes."""

import os
import tempfile
import warnings

import numpy as np
import pytest

import fastfit
from fastfit import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from tests.training.test_bad_input import classifier, data, state

schedules = optimizers.schedules
X, Y = data()
TWO = np.ones((2, 3))


def net():
    return models.Sequential([layers.Input((3,)), layers.Dense(2, name="d")])


class Unfinished(layers.Layer):
    def __init__(self):
        self.kept = layers.Dense(2)


class UnfinishedMetric(metrics.Metric):
    def __init__(self):
        self.total = self.add_weight()


def cast_of(module):
    """Every registry names the identifier that it does not know, for a name, a config and another type."""
    return {
        f"{module.__name__.split('.')[-1]} {kind}": (lambda v=value: module.get(v), ValueError, match)
        for kind, value, match in (
            ("name", "no_such_thing", "no_such_thing"),
            ("config", {"class_name": "NoSuchThing", "config": {}}, "NoSuchThing"),
            ("type", 3, "3"),
        )
    }


# name: (call, error, what the message says)
ALONE = {
    **cast_of(losses), **cast_of(metrics), **cast_of(optimizers), **cast_of(activations), **cast_of(initializers),
    **cast_of(regularizers), **cast_of(constraints),
    # losses
    "reduction": (lambda: losses.MeanSquaredError(reduction="avg"), ValueError, "sum_over_batch_size.*reduction=avg"),
    "loss without call": (lambda: losses.Loss()(np.ones(2), np.ones(2)), NotImplementedError, "call"),
    "crossentropy shapes": (lambda: losses.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 4))), ValueError,
                            "same shape.*\\(2, 3\\).*\\(2, 4\\)"),
    "sparse shapes": (lambda: losses.sparse_categorical_crossentropy(np.ones((2, 3)), np.ones((2, 4))), ValueError,
                      "shape"),
    "mse shapes": (lambda: losses.mean_squared_error(np.ones((2, 3)), np.ones((2, 4))), ValueError, "\\(2, 3\\)"),
    "weights rank": (lambda: losses.MeanSquaredError()(TWO, TWO, np.ones((2, 3, 4))), ValueError,
                     "sample_weight.*\\(2, 3, 4\\)"),
    "q": (lambda: losses.CategoricalGeneralizedCrossEntropy(q=2), ValueError, "q=2"),
    "axis": (lambda: losses.categorical_crossentropy(TWO, TWO, axis=True), ValueError, "axis=True"),
    # metrics
    "metric without update": (lambda: metrics.Metric().update_state(1), NotImplementedError, "update_state"),
    "metric without result": (lambda: metrics.Metric().result(), NotImplementedError, "result"),
    "metric super": (UnfinishedMetric, RuntimeError, "super\\(\\).__init__\\(\\)"),
    "threshold": (lambda: metrics.BinaryAccuracy(threshold=1.5), ValueError, "threshold=1.5"),
    "thresholds": (lambda: metrics.Precision(thresholds=[0.2, 3.0]), ValueError, "3.0"),
    "auc curve": (lambda: metrics.AUC(curve="XY"), ValueError, "XY"),
    "auc summation": (lambda: metrics.AUC(summation_method="x"), ValueError, "x"),
    "auc thresholds": (lambda: metrics.AUC(num_thresholds=1), ValueError, "num_thresholds"),
    "recall": (lambda: metrics.PrecisionAtRecall(1.5), ValueError, "1.5"),
    "sensitivity": (lambda: metrics.SpecificityAtSensitivity(-0.1), ValueError, "-0.1"),
    "classes": (lambda: metrics.IoU(2, [5]), ValueError, "5"),
    "average": (lambda: metrics.F1Score(average="all"), ValueError, "all"),
    "beta": (lambda: metrics.FBetaScore(beta=-1.0), ValueError, "beta=-1.0"),
    "r2": (lambda: metrics.R2Score(class_aggregation="mean"), ValueError, "mean"),
    "loss is no metric": (lambda: metrics.get("dice"), ValueError, "dice.*It is a loss"),
    # optimizers
    "two clips": (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), ValueError, "clip"),
    "three clips": (lambda: optimizers.Adam(clipnorm=1.0, global_clipnorm=1.0), ValueError, "clip"),
    "momentum": (lambda: optimizers.SGD(momentum=1.5), ValueError, "momentum=1.5"),
    "unknown": (lambda: optimizers.Adam(rate=0.1), ValueError, "rate"),
    "rate": (lambda: optimizers.Adam("fast"), ValueError, "fast"),
    "ema": (lambda: optimizers.SGD(use_ema=True, ema_momentum=1.5), ValueError, "ema_momentum"),
    "ema frequency": (lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0), ValueError, "ema_overwrite"),
    "accumulation": (lambda: optimizers.SGD(gradient_accumulation_steps=1), ValueError, "gradient_accumulation_steps"),
    "decay of adamw": (lambda: optimizers.AdamW(weight_decay=None), ValueError, "weight_decay"),
    "set a schedule": (lambda: setattr(optimizers.SGD(schedules.CosineDecay(0.1, 10)), "learning_rate", 1.0), TypeError,
                       "not settable"),
    "not built": (lambda: optimizers.SGD().apply([np.ones(2)]), ValueError, "built"),
    "unknown variable": (lambda: _step_on_another(), ValueError, "Unknown variable"),
    "no gradients": (lambda: optimizers.SGD().apply([None], [fastfit.Variable(np.ones(2))]), ValueError,
                     "No gradients provided"),
    "boundaries": (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), ValueError, "boundaries"),
    # initializers, regularizers, constraints, activations
    "fan mode": (lambda: initializers.VarianceScaling(mode="fan"), ValueError, "mode"),
    "scale": (lambda: initializers.VarianceScaling(scale=0.0), ValueError, "scale"),
    "distribution": (lambda: initializers.VarianceScaling(distribution="cauchy"), ValueError, "cauchy"),
    "identity rank": (lambda: initializers.Identity()((2, 2, 2)), ValueError, "2"),
    "orthogonal rank": (lambda: initializers.Orthogonal()((5,)), ValueError, "two-dimensional|2"),
    "initial array": (lambda: layers.Dense(2, kernel_initializer=TWO).build((None, 3)), ValueError, "shape"),
    "negative l1": (lambda: regularizers.L1(-0.1), ValueError, "l1=-0.1"),
    "nan l2": (lambda: regularizers.L2(float("nan")), ValueError, "l2=nan"),
    "infinite l1l2": (lambda: regularizers.L1L2(l2=float("inf")), ValueError, "l2=inf"),
    "orthogonal mode": (lambda: regularizers.OrthogonalRegularizer(mode="x"), ValueError, "mode=x"),
    "orthogonal input": (lambda: regularizers.OrthogonalRegularizer()(np.ones(3)), ValueError, "rank 2.*\\(3,\\)"),
    "constraint call": (lambda: constraints.Constraint()(np.ones(3)), NotImplementedError, "__call__"),
    # layers and models
    "units": (lambda: layers.Dense(0), ValueError, "units.*0"),
    "units type": (lambda: layers.Dense("a"), ValueError, "units"),
    "keyword": (lambda: layers.Dense(2, colour="red"), ValueError, "colour"),
    "name": (lambda: layers.Dense(2, name="a/b"), ValueError, "name=a/b"),
    "rate of dropout": (lambda: layers.Dropout(1.5), ValueError, "1.5"),
    "input shape": (lambda: layers.Input(), ValueError, "shape"),
    "activation": (lambda: layers.Dense(2, activation="relou"), ValueError, "relou"),
    "super": (lambda: Unfinished()(np.ones((2, 3))), RuntimeError, "super\\(\\).__init__\\(\\)"),
    "no layer": (lambda: models.Sequential([3]), ValueError, "3"),
    "layer name": (lambda: net().get_layer("e"), ValueError, "No such layer: e.*d"),
    "layer index": (lambda: net().get_layer(index=7), ValueError, "7"),
    "neither": (lambda: net().get_layer(), ValueError, "name or.*index"),
    "both": (lambda: net().get_layer("d", 0), ValueError, "not both.*name='d', index=0"),
    "weights count": (lambda: net().set_weights([np.ones((3, 2))]), ValueError, "length 1|list of length"),
    "weights shape": (lambda: net().set_weights([np.ones((3, 2)), np.ones(3)]), ValueError, "\\(2,\\).*\\(3,\\)"),
    # what callbacks, files and layers take
    "save_freq": (lambda: callbacks.ModelCheckpoint("a.keras", save_freq="batch"), ValueError, "save_freq.*'epoch'"),
    "backup_freq": (lambda: callbacks.BackupAndRestore("a", save_freq=1.5), ValueError, "save_freq.*'epoch'.*1.5"),
    "backup_dir": (lambda: callbacks.BackupAndRestore(""), ValueError, "backup_dir"),
    "checkpoint": (lambda: callbacks.ModelCheckpoint("a.txt"), ValueError, "`.keras`.*filepath=a.txt"),
    "checkpoint of weights": (lambda: callbacks.ModelCheckpoint("a.h6", save_weights_only=True), ValueError,
                              "`.weights.h5`.*filepath=a.h6"),
    "repeat type": (lambda: layers.RepeatVector(1.5), TypeError, "integer value for `n`.*1.5"),
    "repeat count": (lambda: layers.RepeatVector(0), ValueError, "positive integer.*n=0"),
    "permute": (lambda: layers.Permute((0, 1)), ValueError, "dims=\\(0, 1\\)"),
    "reshape": (lambda: layers.Reshape((4,))(np.ones((2, 3))), ValueError, "total size.*\\(2, 3\\).*\\(4,\\)"),
    "concatenate": (lambda: layers.Concatenate()([layers.Input((3, 4)), layers.Input((5, 3))]), ValueError,
                    "matching shapes.*\\(None, 3, 4\\), \\(None, 5, 3\\)"),
    "subtract": (lambda: layers.Subtract()([layers.Input((3,))] * 3), ValueError, "exactly 2 inputs.*3"),
    "add one": (lambda: layers.Add()(layers.Input((3,))), ValueError, "list of inputs"),
    "file": (lambda: saving.load_model("no/such.keras"), ValueError, "File not found.*no/such.keras"),
    "model of nothing": (lambda: models.Model(input=TWO, output=TWO), ValueError, "must be KerasTensors"),
    "model name twice": (lambda: models.Model(TWO, input=TWO, outputs=TWO), TypeError, "old and by its new name"),
    "early stopping mode": (lambda: callbacks.ReduceLROnPlateau(factor=1.0), ValueError, "factor"),
}  # fmt: skip


def _step_on_another():
    optimizer, known = optimizers.SGD(), fastfit.Variable(np.ones(2))
    optimizer.build([known])
    optimizer.apply([np.ones(2)], [fastfit.Variable(np.ones(2))])


@pytest.mark.parametrize("name", ALONE)
def test_made_or_called_alone(name):
    call, error, match = ALONE[name]
    with pytest.raises(error, match=match):
        call()


# Of a model that has an optimizer state to lose: nothing may have changed -------------------------------------------


def compiled(**arguments):
    return lambda m: m.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **arguments})


def stream():
    yield X, Y


class Rows(utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, Y


def weights_of_another():
    """Its first layer fits the classifier, its last does not."""
    path = os.path.join(tempfile.mkdtemp(), "other.weights.h5")
    inputs = layers.Input((6,))
    models.Model(inputs, layers.Dense(5)(layers.Dense(8)(inputs))).save_weights(path)
    return path


MODEL = {
    "optimizer": (compiled(optimizer="adamm"), ValueError, "adamm"),
    "optimizer config": (compiled(optimizer={"class_name": "Adamm", "config": {}}), ValueError, "Adamm"),
    "optimizer class": (compiled(optimizer=optimizers.Adam), ValueError, "not a class"),
    "loss": (compiled(loss="mean_square"), ValueError, "mean_square"),
    "loss config": (compiled(loss={"class": {"class_name": "Nothing"}}), ValueError, "Nothing"),
    "loss of another output": (compiled(loss={"b": "mse"}), ValueError, "'b'.*'class'"),
    "losses": (compiled(loss=["mse", "mae"]), ValueError, "length 2 whereas the model has 1"),
    "loss weights": (compiled(loss_weights=[1.0, 2.0]), ValueError, "2 weights for 1"),
    "loss weights name": (compiled(loss_weights={"b": 1.0}), ValueError, "'b'"),
    "loss weights type": (compiled(loss_weights={1.0}), ValueError, "loss_weights"),
    "loss weights bool": (compiled(loss_weights=True), ValueError, "loss_weights=True"),
    "metrics text": (compiled(metrics="mae"), ValueError, "list, tuple, or dict"),
    "metrics name": (compiled(metrics={"b": ["mae"]}), ValueError, "'b'"),
    "metrics unknown": (compiled(metrics=["mae", "meanabs"]), ValueError, "meanabs"),
    "weighted metrics": (compiled(weighted_metrics=3), ValueError, "weighted_metrics=3"),
    "target tensors": (compiled(target_tensors=3), TypeError, "target_tensors.*unexpected type.*int"),
    "symbolic target": (compiled(target_tensors=layers.Input((2,))), ValueError, "from the model's inputs"),
    "target tensors name": (compiled(target_tensors={"b": Y}), ValueError, "target_tensors.*\\['b'\\]"),
    "target tensors length": (compiled(target_tensors=[Y, Y]), ValueError, "per output. Received: 2 entries for the 1"),
    "sample weight mode": (compiled(sample_weight_mode="daily"), ValueError, "sample_weight_mode.*daily"),
    "sample weight modes": (compiled(sample_weight_mode={"b": "temporal"}), ValueError, "sample_weight_mode.*'b'"),
    "sample weight mode list": (compiled(sample_weight_mode=[None, "temporal"]), ValueError, "sample_weight_mode"),
    "unknown keyword": (compiled(loos="mse"), ValueError, "loos"),
    "steps": (compiled(steps_per_execution=0), ValueError, "steps_per_execution.*0"),
    "class weight and sample weight": (lambda m: m.fit(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(len(X))),
                                       ValueError, "class_weight.*sample_weight"),
    "class weight type": (lambda m: m.fit(X, Y, class_weight=[1.0, 2.0, 3.0]), ValueError, "class_weight"),
    "class weight value": (lambda m: m.fit(X, Y, class_weight={0: None, 1: 2.0}), ValueError, "class_weight"),
    "split of one side": (lambda m: m.fit(X[:1], Y[:1], validation_split=0.5), ValueError, "1 samples.*0.5"),
    "validation_freq": (lambda m: m.fit(X, Y, validation_data=(X, Y), validation_freq="2"), ValueError, "list or int"),
    "y and generator": (lambda m: m.fit(stream(), Y), ValueError, "`y` should not be passed"),
    "weights and generator": (lambda m: m.fit(stream(), sample_weight=np.ones(len(X))), ValueError,
                              "`sample_weight` should not be passed"),
    "weights and generator in evaluate": (lambda m: m.evaluate(stream(), sample_weight=np.ones(len(X))), ValueError,
                                          "`sample_weight` should not be passed"),
    "class weights and generator": (lambda m: m.fit(stream(), class_weight={0: 1.0}), ValueError,
                                    "class_weight.*generator"),
    "y and dataset": (lambda m: m.fit(Rows(), Y), ValueError, "Rows.*`y` should not be passed"),
    "weights and dataset": (lambda m: m.fit(Rows(), sample_weight=np.ones(len(X))), ValueError,
                            "Rows.*`sample_weight` should not be passed"),
    "split and dataset": (lambda m: m.fit(Rows(), validation_split=0.5), ValueError, "only supported for arrays.*Rows"),
    "epoch of no batch": (lambda m: m.fit(iter(())), ValueError, "gave no batch"),
    "both structures": (lambda m: m.fit(X, [Y, Y]), ValueError, "structures.\\nOutputs: .*'class'.*\\ny: \\["),
    "schedule's output": (lambda m: m.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch: "a")]),
                          ValueError, "should be a float. Got: a"),
    "no averages": (lambda m: m.fit(X, Y, callbacks=[callbacks.SwapEMAWeights()]), ValueError, "use_ema"),
    "weights of another model": (lambda m: m.load_weights(weights_of_another()), ValueError, "variables|shape"),
    "file of weights": (lambda m: m.load_weights("weights.txt"), ValueError, "not supported.*weights.txt"),
    "no such file": (lambda m: m.load_weights("no/such.weights.h5"), FileNotFoundError, "no/such.weights.h5"),
    "extension of a model": (lambda m: m.save("a.model"), ValueError, "`.keras`.*a.model"),
    "extension of weights": (lambda m: m.save_weights("a.txt"), ValueError, "`.weights.h5`.*a.txt"),
    "layer": (lambda m: m.get_layer("other"), ValueError, "No such layer: other.*class"),
    "weights length": (lambda m: m.set_weights(m.get_weights()[:-1]), ValueError, "weight"),
    "weights shape": (lambda m: m.set_weights([w[:1] for w in m.get_weights()]), ValueError, "shape"),
    "rank of class weights": (lambda m: m.fit(X, np.ones((len(X), 2, 2)), class_weight={0: 1.0}), ValueError, "rank 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODEL)
def test_of_a_model(name):
    model = classifier()
    call, error, match = MODEL[name]
    before, config, optimizer = state(model), model.get_compile_config(), model.optimizer
    with pytest.raises(error, match=match):
        call(model)
    assert state(model) == before
    assert model.get_compile_config() == config and model.optimizer is optimizer
    assert np.isfinite(model.evaluate(X, Y, verbose=0)[0])


@pytest.mark.parametrize("form", [lambda y: y, lambda y: [y], lambda y: {"class": y}])
def test_target_tensors_are_the_targets_of_fit(form):
    ours, given = classifier(), classifier()
    compiled(target_tensors=form(Y))(ours)
    compiled()(given)
    logs = ours.fit(X, shuffle=False, verbose=0).history
    assert logs == given.fit(X, Y, shuffle=False, verbose=0).history
    assert ours.fit(X, 0 * Y, verbose=0).history != logs  # a y that is given counts


def test_accuracy_of_several_labels_warns_once():
    labels = np.eye(4)[Y]
    model = models.Sequential([layers.Input((6,)), layers.Dense(4, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    with pytest.warns(UserWarning, match="'accuracy'.*use 'binary_accuracy'") as caught:
        model.fit(X, labels, epochs=2, verbose=0)
        model.evaluate(X, labels, verbose=0)
    assert len(caught) == 1
    for loss, metric in (("binary_crossentropy", "binary_accuracy"), ("categorical_crossentropy", "accuracy")):
        model.compile("sgd", loss, metrics=[metric])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, labels, verbose=0)


def test_losses_of_other_keys():
    """A model that returns a dict takes another key for a KeyError, as in Keras; one of a list for a ValueError."""
    inputs = layers.Input((3,))
    outputs = [layers.Dense(2, name="a")(inputs), layers.Dense(2, name="b")(inputs)]
    for form, error in ((outputs, ValueError), (dict(zip("ab", outputs, strict=True)), KeyError)):
        model = models.Model(inputs, form)
        model.compile("adam", "mse")
        before, config = state(model), model.get_compile_config()
        with pytest.raises(error, match="'z'.*Expected keys among: \\['a', 'b'\\]"):
            model.compile("adam", {"a": "mse", "z": "mse"})
        assert state(model) == before and model.get_compile_config() == config


def test_shuffling_a_generator_warns():
    for shuffle in (True, "batch"):
        with pytest.warns(UserWarning, match=f"`shuffle='?{shuffle}'?` is ignored"):
            classifier().fit(stream(), shuffle=shuffle, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier().fit(stream(), shuffle=False, verbose=0)
        classifier().fit(Rows(), verbose=0)
        classifier().fit_generator(stream(), verbose=0)


def test_warnings_of_compile():
    """What Keras 2 took and what is almost surely a mistake: a warning, and it goes on."""
    inputs = layers.Input((3,))
    two = models.Model(inputs, [layers.Dense(2, name="a")(inputs), layers.Dense(2, name="b")(inputs)])
    with pytest.warns(UserWarning, match=r"No loss was given for outputs \['b'\]"):
        two.compile("sgd", {"a": "mse"})
    model = net()
    model.trainable = False
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
