"""Settings that everything shares: default dtypes, the fuzz factor, and how much memory programs may keep."""

from numbers import Integral

from fastfit._watch import changed
from fastfit.utils.dtype_names import INTEGERS
from fastfit.utils.kept import programs

_epsilon = 1e-7
_floatx = "float32"
_FLOAT_NAMES = ("float16", "float32", "float64")
_image_data_format = "channels_last"
_IMAGE_DATA_FORMATS = ("channels_last", "channels_first")
_safe_mode = True
_policy = None


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
    changed()


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


# What layers compute in, and keep weights in.
_POLICIES = frozenset(("float32", "float64", "bool", "string", *INTEGERS))


class DTypePolicy:
    """The dtypes of a layer's weights and computations, which are one dtype here.

    Parameters
    ----------
    name : str, optional
        "float32" or "float64"; the default policy's by default.

    Raises
    ------
    TypeError : the name is no string.
    ValueError : the name is that of no dtype that layers compute in: 16-bit floats and mixed policies are none.
    """

    quantization_mode = None

    def __init__(self, name=None):
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(
                f"'name' must be a string, such as 'float32'. Received: name={name} (of type {type(name).__name__})"
            )
        if name not in _POLICIES:
            raise ValueError(
                "Layers keep weights and compute in one dtype, 'float32' or 'float64'; 16-bit floats and mixed "
                f"policies are not supported. Received: a dtype policy of name {name!r}"
            )
        self._name = name

    @property
    def name(self):
        """The name, which is the dtype's."""
        return self._name

    @property
    def compute_dtype(self):
        """The dtype of computations."""
        return self._name

    @property
    def variable_dtype(self):
        """The dtype of weights."""
        return self._name

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def get_config(self):
        """Return what `from_config` needs to make this policy anew."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        """Make a policy from what `get_config` returned."""
        return cls(**config)


def dtype_policy():
    """Return the policy of layers that are given no dtype: that of floatx unless set."""
    return DTypePolicy(_floatx) if _policy is None else _policy


def set_dtype_policy(policy):
    """Set the policy of layers that are given no dtype.

    Parameters
    ----------
    policy : {"float32", "float64"} or DTypePolicy
    """
    global _policy
    if isinstance(policy, str):
        policy = DTypePolicy(policy)
    if not isinstance(policy, DTypePolicy):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as 'float64') or a `DTypePolicy` "
            f"instance. Received: policy={policy} (of type {type(policy).__name__})"
        )
    _policy = policy


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
