"""Initializers whose values are known beforehand."""

import numpy as np

from fastfit.initializers.initializer import Initializer, standard_dtype
from fastfit.utils.registry import deserialize_keras_object, serialize_keras_object
from fastfit.utils.windows import make_window


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape, dtype=None):
        return np.zeros(shape, standard_dtype(dtype))


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape, dtype=None):
        return np.ones(shape, standard_dtype(dtype))


class Constant(Initializer):
    """All ``value``.

    Parameters
    ----------
    value : float or array, default=0.0
        An array is broadcast.
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        return np.full(shape, self.value, standard_dtype(dtype))

    def get_config(self):
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config):
        return cls(deserialize_keras_object(config.get("value", 0.0)))


class Identity(Initializer):
    """``gain`` on the diagonal of a matrix, 0 elsewhere.

    Parameters
    ----------
    gain : float, default=1.0
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(f"Identity matrix initializer can only be used for 2D matrices. Received: shape={shape}")
        return (self.gain * np.eye(*shape)).astype(standard_dtype(dtype))

    def get_config(self):
        return {"gain": self.gain}


class STFT(Initializer):
    """Kernel of a convolution that computes one part of the short-time Fourier transform.

    Parameters
    ----------
    side : {"real", "imag"}
        Part of the transform.
    window : str, array or None, default="hann"
        Name of a window of ``scipy.signal.windows`` that needs no parameter, or the window itself.
    scaling : {"density", "spectrum"} or None
        Divide the window by its 2-norm, or its 1-norm.
    periodic : bool, default=False
        Whether the window is to be repeated.
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(f"side should be 'real' or 'imag'. Received: side={side!r}")
        if isinstance(window, str):
            make_window(window, 1)
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received: scaling={scaling!r}"
            )
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape, dtype=None):
        if len(shape) != 3:
            raise ValueError(f"Expected a shape (frame length, 1, frequencies). Received: shape={tuple(shape)}")
        length, _, frequencies = shape
        window, scale = np.ones(length), 1.0
        if self.window is not None:
            named = isinstance(self.window, str)
            window = make_window(self.window, length, self.periodic) if named else np.asarray(self.window, np.float64)
            if window.shape != (length,):
                raise ValueError(f"The window must have shape ({length},), as the frames. Received: {window.shape}")
            if self.scaling == "density":
                scale = np.sqrt(np.sum(window**2))
            elif self.scaling == "spectrum":
                scale = np.sum(np.abs(window))
        # Of a transform of 2 (frequencies - 1) points the first half is kept; the rest are conjugates.
        turns = np.outer(np.arange(length), np.arange(frequencies)) / (2 * (frequencies - 1))
        part = np.cos if self.side == "real" else np.sin
        kernel = part(-2 * np.pi * turns) * window[:, None] / scale
        return kernel[:, None, :].astype(standard_dtype(dtype))

    def get_config(self):
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "window": deserialize_keras_object(config.get("window", "hann"))})
