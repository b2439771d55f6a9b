"""Models as configs and back: the form in which Keras 3's files hold them."""

import contextlib

from fastfit.utils.registry import deserialize_keras_object, serialize_keras_object


@contextlib.contextmanager
def made_of_config():
    """Raise TypeError, as Keras does, for whatever error the values of a config lead to."""
    try:
        yield
    except (TypeError, ValueError, OSError, MemoryError):
        raise
    except Exception as error:
        raise TypeError(
            f"The config does not describe what can be made: expected one that `get_config()` gave. Received one that "
            f"leads to {type(error).__name__}: {error}"
        ) from error


def model_config(model):
    """Return the config of a model, with that of its training if it is compiled."""
    return serialize_keras_object(model)


def model_from_config(config, custom_objects=None, safe_mode=True):
    """Return the model that `model_config`, or Keras 3, has described.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
    safe_mode : bool, default=True
        Refuse lambdas, whose code would have to be run.

    Raises
    ------
    ValueError, TypeError : it describes no model, or one of classes that are not known.
    """
    with made_of_config():
        model = deserialize_keras_object(config, custom_objects, safe_mode)
    if not hasattr(model, "get_compile_config"):
        raise ValueError(f"The file does not hold a model. Received: an object of class {type(model).__name__}")
    return model
