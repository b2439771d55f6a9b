"""Models and weights in files: ``.keras``, ``.weights.h5`` and legacy ``.h5``, which Keras 3 reads and writes too."""

import io
import os
import warnings

from fastfit.saving import archive, configs, legacy
from fastfit.saving.h5_store import damage_as_value_error, dataset_bytes, find_group, h5py, open_to_read
from fastfit.saving.state import load_assets, load_state, save_assets, save_state
from fastfit.utils import references
from fastfit.utils.custom_objects import CustomObjectScope
from fastfit.utils.limits import weights_limited_to

# What a model may need beside the weights that its file holds: those that a layer makes but does not save.
WEIGHTS_BESIDE = 16 << 20


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Save a model with its weights, its training configuration and the optimizer's state.

    The file is there whole or not at all, whatever happens meanwhile.

    Parameters
    ----------
    model : Model
    filepath : str, path, binary file or open h5py file
        Ends in ``.keras``; or in ``.h5`` or ``.hdf5``, for Keras 2's layout.
    overwrite : bool, default=True
        Otherwise ask on standard input before a file is replaced.
    zipped : bool, default=True
        False makes a directory with the parts of the archive, whose name must not end in ``.keras``.
    include_optimizer : bool, default=True
        Keras 2's: without it, the model is saved as if it were not compiled.

    Raises
    ------
    ValueError : the extension is another one.
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    kwargs.pop("save_format", None)
    if kwargs:
        raise ValueError(f"Arguments not supported by save_model(): {sorted(kwargs)}")
    zipped = True if zipped is None else bool(zipped)
    to_object = isinstance(filepath, io.IOBase)
    to_h5 = _is_open_h5(filepath)
    if not to_object and not to_h5:
        filepath = os.fspath(filepath)
        to_h5 = zipped and filepath.endswith(legacy.EXTENSIONS)
        if zipped and not to_h5 and not filepath.endswith(".keras"):
            raise ValueError(
                "Invalid `filepath` argument: expected a `.keras` extension, or `.h5` for a legacy file. "
                f"Received: filepath={filepath}"
            )
        if not zipped and filepath.endswith(".keras"):
            raise ValueError(
                "With `zipped=False`, which makes a directory, `filepath` should not end in `.keras`. "
                f"Received: filepath={filepath}"
            )
        if to_h5:
            _warn_of_legacy("model", "model.save('my_model.keras')")
        if not _may_write(filepath, overwrite):
            return
    if not model.built:
        warnings.warn(
            f"Model '{model.name}' is saved before it is built: it may have no weights yet. Call it on data first.",
            stacklevel=2,
        )
    config = configs.model_config(model)
    if not include_optimizer:
        config.pop("compile_config", None)
    skip = () if include_optimizer or model.optimizer is None else (model.optimizer,)

    if to_h5:
        _write_h5(filepath, lambda h5: legacy.write_model(h5, model, config, include_optimizer))
        return

    def write_weights(h5):
        save_state(model, h5, skip)

    def write_assets(directory):
        save_assets(model, directory)

    write = archive.pack if to_object else archive.write_archive if zipped else archive.write_directory
    write(filepath, config, write_weights, write_assets)


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """Load a model that `save_model`, or Keras 3, has saved.

    Nothing in the file is run, and no module that it names is imported: classes and functions that are not the
    library's must be registered, or given. Memory is taken for what the file holds, not for what it claims.

    Parameters
    ----------
    filepath : str, path, binary file or open h5py file
        A ``.keras`` file, a directory with its parts, or a ``.h5`` or ``.hdf5`` file in Keras 2's layout.
    custom_objects : dict, optional
        Name to class or function.
    compile : bool, default=True
        Compile the model as it was, and load the optimizer's state.
    safe_mode : bool, default=True
        Refuse lambdas.

    Returns
    -------
    Model

    Raises
    ------
    ValueError : there is no such file, it is damaged, or it holds what may not be loaded.
    """
    if _is_open_h5(filepath):
        return _load_legacy(filepath, custom_objects, compile, safe_mode)
    if not isinstance(filepath, io.IOBase):
        filepath = os.fspath(filepath)
        is_folder = os.path.isdir(filepath)
        if filepath.endswith(legacy.EXTENSIONS) and not is_folder:
            with open_to_read(filepath) as h5:
                return _load_legacy(h5, custom_objects, compile, safe_mode)
        if not os.path.exists(filepath):
            raise ValueError(f"File not found: expected a `.keras` file. Received: filepath={filepath}")
        if not is_folder and not filepath.endswith(".keras"):
            raise ValueError(
                f"File format not supported: expected a `.keras` or `.h5` file. Received: filepath={filepath}"
            )
    with archive.reading(filepath) as (config, h5, assets):
        if not compile:
            config.pop("compile_config", None)
        with weights_limited_to(WEIGHTS_BESIDE + 2 * _size_of_datasets(h5), "the file"):
            model = configs.model_from_config(config, custom_objects, safe_mode)
        _build_optimizer(model, h5)
        load_state(model, h5)
        load_assets(model, assets)
    return model


def _load_legacy(h5, custom_objects, compile, safe_mode):
    """Return the model of an open h5py file in Keras 2's layout."""
    with damage_as_value_error(), configs.made_of_config():
        with CustomObjectScope(custom_objects):
            config, training = legacy.read_configs(h5)
        with weights_limited_to(WEIGHTS_BESIDE + 2 * _size_of_datasets(h5), "the file"):
            model = configs.model_from_config(config, custom_objects, safe_mode)
        legacy.read_weights(h5, model)
    if not compile:
        return model
    if training is None:
        warnings.warn(
            "The file holds no training configuration, so the model is not compiled. Call `compile()` before training.",
            stacklevel=3,
        )
        return model
    with configs.made_of_config():
        model.compile(**legacy.compile_arguments(training, custom_objects))
    if model.built and model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)
        with damage_as_value_error():
            legacy.read_optimizer(h5, model.optimizer, model.trainable_variables)
    return model


def to_parts(model):
    """Return what `from_parts` makes a copy of a model of: config, bytes of weights, numbers of variables.

    The config holds the functions and classes themselves that are not the library's, so that nothing has to be
    registered, and that a copy in the same process needs no names for them.
    """
    with references.kept():
        config = configs.model_config(model)
    mode = model._keras2.mode
    if mode is not None and "compile_config" in config:
        config["compile_config"]["sample_weight_mode"] = mode
    weights = io.BytesIO()
    with h5py().File(weights, "w") as h5:
        save_state(model, h5)
    optimizer, variables = model.optimizer, model.trainable_variables if model.built else []
    without_decay = [
        i for i, v in enumerate(variables) if optimizer is not None and optimizer.is_excluded_from_weight_decay(v)
    ]
    return config, weights.getvalue(), without_decay


def from_parts(config, weights, without_decay):
    """Return the model that `to_parts` took apart."""
    with references.kept():
        model = configs.model_from_config(config)
    if without_decay:
        variables = model.trainable_variables
        model.optimizer.exclude_from_weight_decay([variables[i] for i in without_decay])
    with open_to_read(io.BytesIO(weights)) as h5:
        _build_optimizer(model, h5)
        load_state(model, h5)
    return model


def save_weights(model, filepath, overwrite=True, max_shard_size=None, objects_to_skip=None):
    """Save the weights of a model, and the state of its optimizer if it has one.

    Parameters
    ----------
    model : Model
        Built.
    filepath : str or path
        Ends in ``.weights.h5``; or in ``.h5`` or ``.hdf5``, for Keras 2's layout without the optimizer's state.
    overwrite : bool, default=True
        Otherwise ask on standard input before a file is replaced.
    max_shard_size : None
        Files in several parts are not written.
    objects_to_skip : list of Layer, optional

    Raises
    ------
    ValueError : the extension is another one, or the model is not built.
    """
    filepath = os.fspath(filepath)
    if max_shard_size is not None:
        raise ValueError(
            f"Weights are saved in one file: expected `max_shard_size=None`. Received: max_shard_size={max_shard_size}"
        )
    to_legacy = filepath.endswith(legacy.EXTENSIONS) and not filepath.endswith(".weights.h5")
    if not filepath.endswith(".weights.h5") and not to_legacy:
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={filepath}")
    if to_legacy and objects_to_skip:
        raise ValueError(f"`objects_to_skip` is for `.weights.h5` files only. Received: filepath={filepath}")
    _check_built(model, "saved")
    if to_legacy:
        _warn_of_legacy("weights", "model.save_weights('my_model.weights.h5')")
    if not _may_write(filepath, overwrite):
        return
    if to_legacy:
        _write_h5(filepath, lambda h5: legacy.write_weights(h5, model))
    else:
        archive.write_h5(filepath, lambda h5: save_state(model, h5, objects_to_skip or ()))


def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Load weights, and the optimizer's state if file and model have one, into a model of the same layers.

    Parameters
    ----------
    model : Model
        Built. It stays as it was if the file does not fit.
    filepath : str or path
        A ``.weights.h5`` or ``.keras`` file, or a ``.h5`` or ``.hdf5`` file of weights or of a model.
    skip_mismatch : bool, default=False
        Warn about layers that do not fit, and load the others.
    by_name : bool, default=False
        For ``.h5`` and ``.hdf5`` files: go by the layers' names instead of their order.
    objects_to_skip : list of Layer, optional

    Raises
    ------
    ValueError : a layer's variables are others than the file's, or the file is damaged or of another kind.
    """
    skip = kwargs.pop("objects_to_skip", None) or ()
    by_name = kwargs.pop("by_name", None)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    filepath = os.fspath(filepath)
    is_legacy = filepath.endswith(legacy.EXTENSIONS) and not filepath.endswith(".weights.h5")
    if by_name is not None and not is_legacy:
        raise ValueError(f"`by_name` is for legacy `.h5` and `.hdf5` files only. Received: filepath={filepath}")
    if is_legacy and skip:
        raise ValueError(f"`objects_to_skip` is for `.weights.h5` files only. Received: filepath={filepath}")
    _check_built(model, "loaded")
    if filepath.endswith(".weights.h5"):
        with open_to_read(filepath) as h5, damage_as_value_error():
            if legacy.is_weights(h5):
                legacy.read_weights(h5, model, False, skip_mismatch)
            else:
                load_open_weights(model, h5, skip_mismatch, skip)
    elif is_legacy:
        with open_to_read(filepath) as h5, damage_as_value_error():
            legacy.read_weights(h5, model, bool(by_name), skip_mismatch)
    elif filepath.endswith(".keras"):
        with archive.open_zip(filepath) as zipped, archive.weights_of(zipped) as h5:
            load_open_weights(model, h5, skip_mismatch, skip)
    else:
        raise ValueError(
            f"File format not supported: expected a `.weights.h5`, `.keras` or legacy `.h5` file. Received: "
            f"filepath={filepath}"
        )


def load_open_weights(model, h5, skip_mismatch=False, skip=()):
    """Load weights from an open h5py file; the parameters are those of `load_weights`."""
    _build_optimizer(model, h5)
    load_state(model, h5, skip_mismatch, skip)


def _check_built(model, what):
    if not model.built:
        raise ValueError(
            f"Weights of model '{model.name}' cannot be {what}, because it is not built. Call it on some data, or use "
            "`build()`."
        )


def _is_open_h5(file):
    return type(file).__module__.split(".")[0] == "h5py" and isinstance(file, h5py().File)


def _warn_of_legacy(what, instead):
    warnings.warn(
        f"You are saving the {what} to an HDF5 file in Keras 2's layout. This file format is considered legacy. We "
        f"recommend the native format instead, e.g. `{instead}`.",
        stacklevel=4,
    )


def _write_h5(target, write):
    """Write to an open h5py file, or to a path, whose directory is made if need be."""
    if _is_open_h5(target):
        write(target)
        return
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    archive.write_h5(target, write)


def _may_write(filepath, overwrite):
    if overwrite or not os.path.exists(filepath):
        return True
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"{filepath} already exists - overwrite? [y/n] ").strip().lower()
    return answer == "y"


def _build_optimizer(model, h5):
    """Make the optimizer's slots, if the file has some to load."""
    optimizer = model.optimizer
    if optimizer is not None and not optimizer.built and model.built:
        with damage_as_value_error():
            saved = find_group(h5, "optimizer/vars")
            count = 0 if saved is None else len(saved)
        if count > len(optimizer.variables):
            optimizer.build(model.trainable_variables)


def _size_of_datasets(h5):
    """Return the bytes of all numbers in a file: what is stored, not what is claimed."""
    sizes = []

    def add(_, entry):
        if isinstance(entry, h5py().Dataset):
            sizes.append(min(dataset_bytes(entry), entry.id.get_storage_size()))

    with damage_as_value_error():
        h5.visititems(add)
    return sum(sizes)
