"""Windows, frames, patches and what slides over them."""

import numpy as np

from fastfit import config
from fastfit.graph.op import apply
from fastfit.graph.tensor import KerasTensor
from fastfit.ops.algebra import matmul
from fastfit.ops.core import shape as shape_of
from fastfit.ops.elementwise import log10, square, subtract
from fastfit.ops.patterns import rearrange
from fastfit.ops.reduction import mean
from fastfit.ops.shaping import array, flip, pad, reshape, take, zeros


def _window(name, doc):
    def function(x):
        return getattr(np, name)(_size(name, x)).astype(config.floatx())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _size(name, x):
    if isinstance(x, KerasTensor) or np.ndim(x):
        raise TypeError(f"{name}: expected the number of points as an int. Received: {x!r}")
    return int(x)


bartlett = _window("bartlett", "Return the triangular window of x points that ends in zeros.")
blackman = _window("blackman", "Return Blackman's window of x points.")
hamming = _window("hamming", "Return Hamming's window of x points.")
hanning = _window("hanning", "Return Hann's window of x points.")


def kaiser(x, beta):
    """Return Kaiser's window of x points; ``beta`` trades the width of its main lobe for the height of the others."""
    return np.kaiser(_size("kaiser", x), float(beta)).astype(config.floatx())


def _known(name, x, what):
    sizes = tuple(np.shape(x)) if not isinstance(x, KerasTensor) else tuple(x.shape)
    if None in sizes:
        raise ValueError(f"{name}: {what} must have known sizes. Received: shape={sizes}")
    return sizes


def correlate(x1, x2, mode="valid"):
    """Return the cross-correlation of two vectors.

    Parameters
    ----------
    mode : {"valid", "same", "full"}
        Only places where both overlap wholly, as many as the longer vector has, or all places.
    """
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"Invalid `mode`. Expected one of 'valid', 'same' or 'full'. Received: mode={mode!r}")
    x1, x2 = array(x1), array(x2)
    sizes = [_known("correlate", x, "the vectors") for x in (x1, x2)]
    if any(len(s) != 1 for s in sizes) or 0 in (*sizes[0], *sizes[1]):
        raise ValueError(f"correlate: expected two vectors that are not empty. Received: shapes {sizes[0]}, {sizes[1]}")
    (n,), (m,) = sizes
    if m > n:  # the other way round, and back
        return flip(_correlate(x2, x1, m, n, mode))
    return _correlate(x1, x2, n, m, mode)


def _correlate(x, z, n, m, mode):
    # np.correlate puts the odd place of "same" first
    before, count = {"valid": (0, n - m + 1), "same": (m // 2, n), "full": (m - 1, n + m - 1)}[mode]
    padded = pad(x, ((before, count + m - 1 - n - before),))
    frames = take(padded, np.arange(count)[:, None] + np.arange(m), axis=0)
    return matmul(frames, z)


def extract_sequences(x, sequence_length, sequence_stride):
    """Return frames of the last axis: shape (..., frames, sequence_length), one frame every ``sequence_stride``."""
    x = array(x)
    n = (x.shape if isinstance(x, KerasTensor) else np.shape(x))[-1]
    if n is None or n < sequence_length or sequence_stride < 1:
        raise ValueError(
            "extract_sequences: expected a last axis of known size, at least `sequence_length`, and a positive "
            f"`sequence_stride`. Received: size {n}, sequence_length={sequence_length}, "
            f"sequence_stride={sequence_stride}"
        )
    starts = np.arange(0, n - sequence_length + 1, sequence_stride)
    return take(x, starts[:, None] + np.arange(sequence_length), axis=-1)


def _pair(name, value):
    pair = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(pair) != 2:
        raise ValueError(f"Expected `{name}` to be an int or two ints. Received: {name}={value}")
    return tuple(int(v) for v in pair)


def _patch_places(sizes, kernel_size, dilation, padding, stride):
    """Places in a padded image (rows x columns) of each element of each patch: (kernel elements, patches)."""
    kernel, dilation, padding, stride = (
        _pair(n, v)
        for n, v in zip(
            ("kernel_size", "dilation", "padding", "stride"), (kernel_size, dilation, padding, stride), strict=True
        )
    )
    padded = tuple(s + 2 * p for s, p in zip(sizes, padding, strict=True))
    lines = []
    for k, d, step, n in zip(kernel, dilation, stride, padded, strict=True):
        count = (n - d * (k - 1) - 1) // step + 1
        if count < 1:
            raise ValueError(f"A kernel of {k} elements, {d} apart, does not fit into {n} places")
        lines.append(np.arange(k)[:, None] * d + np.arange(count) * step)
    rows, columns = lines
    places = rows[:, None, :, None] * padded[1] + columns[None, :, None, :]
    return places.reshape(kernel[0] * kernel[1], -1), padded, padding


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Return the patches of images (N, C, H, W) as columns: (N, C * kernel elements, patches)."""
    x = array(x)
    if len(x.shape) != 4:
        raise ValueError(f"Input must be a 4D tensor. Received: input.shape={tuple(x.shape)}")
    n, c, *sizes = shape_of(x)
    places, padded, (top, left) = _patch_places(sizes, kernel_size, dilation, padding, stride)
    x = pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
    patches = take(reshape(x, (n, c, padded[0] * padded[1])), places, axis=2)
    return reshape(patches, (n, c * places.shape[0], places.shape[1]))


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Return images (N, C, H, W) that sum the patches of ``unfold``, back in their places."""
    x = array(x)
    sizes = _pair("output_size", output_size)
    places, padded, (top, left) = _patch_places(sizes, kernel_size, dilation, padding, stride)
    count = places.shape[0]
    if len(x.shape) != 3 or x.shape[2] != places.shape[1] or x.shape[1] % count:
        raise ValueError(
            f"fold: expected shape (N, C * {count}, {places.shape[1]}) for output_size={output_size}. "
            f"Received: x.shape={tuple(x.shape)}"
        )
    n, c = shape_of(x)[0], x.shape[1] // count
    area = padded[0] * padded[1]
    index = (np.arange(c)[:, None] * area + places.reshape(-1)).reshape(-1)
    like = zeros((n, c * area), dtype=str(x.dtype))
    images = apply(
        "scatter_add", reshape(x, (n, -1 if isinstance(n, int) else x.shape[1] * x.shape[2])), index, like, axis=1
    )
    images = reshape(images, (n, c, *padded))
    return images[:, :, top : padded[0] - top, left : padded[1] - left]


def _blocks(name, x, block_size, data_format, patterns):
    x = array(x)
    if len(x.shape) != 4:
        raise ValueError(f"{name}: expected a tensor of rank 4. Received: shape={tuple(x.shape)}")
    if data_format not in patterns:
        raise ValueError(
            "Invalid `data_format`. Expected 'channels_last' or 'channels_first'. "
            f"Received: data_format={data_format!r}"
        )
    if not isinstance(block_size, (int, np.integer)) or block_size < 2:
        raise ValueError(f"{name}: expected `block_size` to be an int of at least 2. Received: {block_size}")
    return rearrange(x, patterns[data_format], a=int(block_size), b=int(block_size))


def space_to_depth(x, block_size, data_format="channels_last"):
    """Return images whose blocks of pixels have become channels."""
    patterns = {
        "channels_last": "n (h a) (w b) c -> n h w (a b c)",
        "channels_first": "n c (h a) (w b) -> n (c a b) h w",
    }
    return _blocks("space_to_depth", x, block_size, data_format, patterns)


def depth_to_space(x, block_size, data_format="channels_last"):
    """Return images whose channels have become blocks of pixels: the inverse of ``space_to_depth``."""
    patterns = {
        "channels_last": "n h w (a b c) -> n (h a) (w b) c",
        "channels_first": "n (c a b) h w -> n c (h a) (w b)",
    }
    return _blocks("depth_to_space", x, block_size, data_format, patterns)


def psnr(x1, x2, max_val):
    """Return the ratio of the squared peak value to the mean squared difference, in decibels."""
    x1, x2 = array(x1), array(x2)
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(f"Input shapes {tuple(x1.shape)} and {tuple(x2.shape)} must match for PSNR calculation.")
    error = mean(square(subtract(x1, x2)))
    return subtract(20.0 * log10(array(max_val, str(error.dtype))), 10.0 * log10(error))


__all__ = (
    "bartlett blackman correlate depth_to_space extract_sequences fold hamming hanning kaiser psnr space_to_depth "
    "unfold "
).split()
