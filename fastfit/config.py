"""Numbers that everything shares: the default float dtype, the fuzz factor, and how much memory programs may keep."""

from numbers import Integral

from fastfit.utils.kept import programs

_epsilon = 1e-7
_floatx = "float32"
_FLOAT_NAMES = ("float16", "float32", "float64")
_image_data_format = "channels_last"
_IMAGE_DATA_FORMATS = ("channels_last", "channels_first")
_safe_mode = True


def epsilon():
    """Return the fuzz factor that keeps logarithms and divisions finite (1e-7 unless set)."""
    return _epsilon


def set_epsilon(value):
    """Set the fuzz factor.

    Parameters
    ----------
    value : float
    """
    global _epsilon
    _epsilon = float(value)


def floatx():
    """Return the name of the default float dtype ("float32" unless set)."""
    return _floatx


def set_floatx(value):
    """Set the default float dtype.

    Parameters
    ----------
    value : {"float16", "float32", "float64"}
    """
    global _floatx
    if value not in _FLOAT_NAMES:
        raise ValueError(f"Unknown `floatx` value: {value!r}. Expected one of {_FLOAT_NAMES}")
    _floatx = str(value)


def image_data_format():
    """Return where images have their channels: "channels_last" unless set."""
    return _image_data_format


def set_image_data_format(data_format):
    """Set where images have their channels.

    Parameters
    ----------
    data_format : {"channels_last", "channels_first"}
    """
    global _image_data_format
    name = str(data_format).lower()
    if name not in _IMAGE_DATA_FORMATS:
        raise ValueError(
            f"The `data_format` argument must be one of {_IMAGE_DATA_FORMATS}. Received: data_format={data_format}"
        )
    _image_data_format = name


def backend():
    """Return the name of what computes: "fastfit"."""
    return "fastfit"


def enable_unsafe_deserialization():
    """Let configs and files hold lambdas, whose code runs when they are loaded."""
    global _safe_mode
    _safe_mode = False


def is_safe_mode():
    """Whether lambdas in configs are refused."""
    return _safe_mode


def program_cache():
    """Return how many bytes compiled programs may keep, those of all models together (256 MB unless set)."""
    return programs.bound


def set_program_cache(bytes):
    """Set how many bytes compiled programs may keep, those of all models together.

    Programs that were used least lately are forgotten beyond that, and made anew when they are wanted again. The one
    that is in use always stays.

    Parameters
    ----------
    bytes : int
    """
    if isinstance(bytes, bool) or not isinstance(bytes, Integral) or bytes < 0:
        raise ValueError(f"Argument `bytes` must be an integer >= 0. Received: bytes={bytes!r}")
    programs.bound = int(bytes)
    programs.shrink()
