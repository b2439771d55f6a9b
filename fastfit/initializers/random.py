"""Initializers that draw random values."""

import math

import numpy as np

from fastfit.graph.randomness import SeedGenerator
from fastfit.initializers.initializer import Initializer, standard_dtype
from fastfit.utils.registry import deserialize_keras_object, serialize_keras_object
from fastfit.utils.seeds import make_default_seed

# Standard deviation of a unit normal truncated at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class _Random(Initializer):
    """An initializer with a seed.

    With a number (or none, then one is drawn) the same instance gives the same values at each call; with a
    `SeedGenerator`, others each time.
    """

    def __init__(self, seed=None):
        if isinstance(seed, dict):  # of a config
            seed = deserialize_keras_object(seed, {"SeedGenerator": SeedGenerator})
        if seed is not None and not isinstance(seed, (int, np.integer, SeedGenerator)):
            raise ValueError(
                f"`seed` argument should be an int or an instance of `SeedGenerator()`. Received: seed={seed!r}"
            )
        self._init_seed = seed
        self.seed = make_default_seed() if seed is None else seed

    def _rng(self):
        seed = self.seed.next() if isinstance(self.seed, SeedGenerator) else int(self.seed)
        return np.random.default_rng(abs(seed))

    def get_config(self):
        return {"seed": serialize_keras_object(self._init_seed)}


def _float_kind(dtype):
    return np.float64 if np.dtype(standard_dtype(dtype)) == np.float64 else np.float32


def _placed(values, shift, scale, dtype):
    kind = values.dtype.type
    return (values * kind(scale) + kind(shift)).astype(standard_dtype(dtype), copy=False)


def _normal(rng, shape, mean, stddev, dtype):
    return _placed(rng.standard_normal(shape, dtype=_float_kind(dtype)), mean, stddev, dtype)


def _truncated_normal(rng, shape, mean, stddev, dtype):
    kind = _float_kind(dtype)
    values = rng.standard_normal(math.prod(shape), dtype=kind)
    bad = np.flatnonzero(np.abs(values) > 2)
    while bad.size:
        values[bad] = rng.standard_normal(bad.size, dtype=kind)
        bad = bad[np.abs(values[bad]) > 2]
    return _placed(values.reshape(shape), mean, stddev, dtype)


def _uniform(rng, shape, low, high, dtype):
    return _placed(rng.random(shape, dtype=_float_kind(dtype)), low, high - low, dtype)


class RandomNormal(_Random):
    """Normal distribution.

    Parameters
    ----------
    mean : float, default=0.0
    stddev : float, default=0.05
    seed : int, optional
    """

    _draw = staticmethod(_normal)

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape, dtype=None):
        return self._draw(self._rng(), shape, self.mean, self.stddev, dtype)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal distribution; values beyond two standard deviations are drawn again.

    Parameters
    ----------
    mean : float, default=0.0
    stddev : float, default=0.05
    seed : int, optional
    """

    _draw = staticmethod(_truncated_normal)


class RandomUniform(_Random):
    """Uniform distribution over [minval, maxval).

    Parameters
    ----------
    minval : float, default=-0.05
    maxval : float, default=0.05
    seed : int, optional
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape, dtype=None):
        return _uniform(self._rng(), shape, self.minval, self.maxval, dtype)

    def get_config(self):
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class VarianceScaling(_Random):
    """Variance scaled by the number of inputs or outputs of the weight.

    Parameters
    ----------
    scale : float, default=1.0
        Positive.
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
    seed : int, optional
    input_axes, output_axes : list of int, optional
        Axes counted as inputs and outputs, if not the usual ones.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {modes}")
        distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        distributions = ("uniform", "truncated_normal", "untruncated_normal")
        if distribution not in distributions:
            raise ValueError(f"Invalid `distribution` argument: {distribution}. Please use one of {distributions}")
        super().__init__(seed)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        scale = self.scale / max(1.0, fan)
        rng = self._rng()
        if self.distribution == "truncated_normal":
            return _truncated_normal(rng, shape, 0.0, math.sqrt(scale) / _TRUNCATED_STDDEV, dtype)
        if self.distribution == "untruncated_normal":
            return _normal(rng, shape, 0.0, math.sqrt(scale), dtype)
        limit = math.sqrt(3.0 * scale)
        return _uniform(rng, shape, -limit, limit, dtype)

    def get_config(self):
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _Preset(VarianceScaling):
    _preset = (1.0, "fan_in", "truncated_normal")

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self._preset, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self):
        return {"seed": self._init_seed, "input_axes": self.input_axes, "output_axes": self.output_axes}


class GlorotUniform(_Preset):
    """Uniform over ±sqrt(6 / (fan_in + fan_out)); also called Xavier.

    Parameters
    ----------
    seed : int, optional
    """

    _preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal of variance 2 / (fan_in + fan_out).

    Parameters
    ----------
    seed : int, optional
    """

    _preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """Uniform over ±sqrt(6 / fan_in).

    Parameters
    ----------
    seed : int, optional
    """

    _preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal of variance 2 / fan_in.

    Parameters
    ----------
    seed : int, optional
    """

    _preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform over ±sqrt(3 / fan_in).

    Parameters
    ----------
    seed : int, optional
    """

    _preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal of variance 1 / fan_in.

    Parameters
    ----------
    seed : int, optional
    """

    _preset = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Random):
    """Orthogonal matrix from the QR decomposition of a normal one.

    Parameters
    ----------
    gain : float, default=1.0
    seed : int, optional
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        rows, cols = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(self._rng().standard_normal((max(rows, cols), min(rows, cols))))
        q = q * np.sign(np.diag(r))  # else the distribution would not be uniform
        if rows < cols:
            q = q.T
        return (self.gain * q.reshape(shape)).astype(standard_dtype(dtype))

    def get_config(self):
        return {"gain": self.gain, **super().get_config()}


def compute_fans(shape, input_axes=None, output_axes=None):
    """Return the numbers of inputs and outputs of a weight of this shape."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field
