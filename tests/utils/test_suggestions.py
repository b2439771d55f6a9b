"""Unknown names: the error names what was meant, where that is near."""

import pytest

import fastfit as ff

MODULES = (
    "activations callbacks constraints initializers layers losses metrics models ops optimizers random regularizers "
    "saving utils"
).split()


@pytest.mark.parametrize(
    ("get", "name", "meant"),
    [
        (ff.metrics.get, "f1", "'f1_score'"),
        (ff.metrics.get, "precison", "'precision'"),
        (ff.metrics.get, "rmse", "'root_mean_squared_error'"),
        (ff.metrics.get, "roc_auc", "'auc'"),
        (ff.losses.get, "mean_square_error", "'mean_squared_error'"),
        (ff.losses.get, "MeanSquareError", "'MeanSquaredError'"),
        (ff.losses.get, "binary_cross_entropy", "'binary_crossentropy'"),
        (ff.losses.get, "sparse_crossentropy", "'sparse_categorical_crossentropy'"),
        (ff.optimizers.get, "adm", "'adam'"),
        (ff.optimizers.get, "rms_prop", "'rmsprop'"),
        (ff.activations.get, "rleu", "'relu'"),
        (ff.initializers.get, "glorot", "'glorot_normal' or 'glorot_uniform'"),
        (ff.regularizers.get, "l1l3", "'l1l2'"),
        (ff.constraints.get, "max_nrm", "'max_norm'"),
        (ff.layers.get, {"class_name": "Dens", "config": {}}, "'Dense'"),
    ],
)
def test_what_was_meant(get, name, meant):
    with pytest.raises(ValueError, match="Could not interpret") as caught:
        get(name)
    text = str(caught.value)
    assert f"Did you mean {meant}?" in text
    assert len(text) < 250  # never a list of all there is
    assert text.endswith(f"Received: {name if isinstance(name, str) else 'Dens'!r}")


def test_nothing_is_near():
    with pytest.raises(ValueError, match="identifier: 'xyzzy'. Expected"):
        ff.metrics.get("xyzzy")
    with pytest.raises(ValueError, match="Received: 3 of type int"):
        ff.losses.get(3)


@pytest.mark.parametrize(
    ("module", "name", "meant"),
    [
        (ff.layers, "Dens", "Dense"),
        (ff.losses, "MeanSquareError", "MeanSquaredError"),
        (ff.callbacks, "EarlyStop", "EarlyStopping"),
        (ff.optimizers, "Adm", "Adam"),
        (ff.ops, "reduce_mean", "mean"),
        (ff, "Sequental", "Sequential"),
    ],
)
def test_attributes_of_modules(module, name, meant):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'. Did you mean '{meant}'") as caught:
        getattr(module, name)
    assert len(str(caught.value)) < 150


def test_layers_of_keras_that_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'LSTM'. docs/keras.md lists"):
        _ = ff.layers.LSTM


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_asked_for_names_in_vain(module):
    module = getattr(ff, module)
    assert not hasattr(module, "nothing_like_that")
    assert not hasattr(module, "__nothing__")
    assert getattr(module, "nothing_like_that", 3) == 3


def test_a_config_of_an_unknown_class():
    config = {"module": "keras.layers", "class_name": "Dens", "config": {}, "registered_name": None}
    with pytest.raises(TypeError, match="'Dens'. Did you mean 'Dense'"):
        ff.saving.deserialize_keras_object(config)
