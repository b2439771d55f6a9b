"""Rearranging axes by a pattern of names."""

import re
from math import prod

from fastfit.graph.tensor import KerasTensor
from fastfit.ops.core import shape as shape_of
from fastfit.ops.shaping import array, reshape, transpose


def _groups(side, pattern):
    """Return the axes of one side of a pattern: a list of names for each, empty for an axis of size 1."""
    if not re.fullmatch(r"(\s*(\w+|\([\w\s]*\)))*\s*", side):
        raise ValueError(f"rearrange: cannot read {side!r} in the pattern {pattern!r}")
    found = re.findall(r"\w+|\([\w\s]*\)", side)
    return [g[1:-1].split() if g.startswith("(") else [] if g == "1" else [g] for g in found]


def rearrange(tensor, pattern, **axes_lengths):
    """Split, order and join axes.

    Parameters
    ----------
    tensor : array or tensor
    pattern : str
        As ``"b (h s) c -> b s (h c)"``: one name for each axis, parentheses around axes that are one in memory.
    **axes_lengths : int
        Sizes of axes that the shape does not tell.
    """
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ValueError(f"rearrange: expected a pattern with '->'. Received: pattern={pattern!r}")
    tensor = array(tensor)
    old, new = _groups(left, pattern), _groups(right, pattern)
    names, wanted = ([n for g in side for n in g] for side in (old, new))
    if sorted(names) != sorted(wanted) or len(set(names)) < len(names):
        raise ValueError(f"rearrange: both sides must have the same names, once each. Received: pattern={pattern!r}")
    sizes = shape_of(tensor)
    if len(old) != len(sizes):
        raise ValueError(
            f"rearrange: {pattern!r} has {len(old)} axes on the left. Received: shape={tuple(tensor.shape)}"
        )
    unknown = set(axes_lengths) - set(names)
    if unknown:
        raise ValueError(f"rearrange: sizes of axes that {pattern!r} does not name. Received: {sorted(unknown)}")
    lengths = dict(axes_lengths)
    for group, size in zip(old, sizes, strict=True):
        _complete(group, size, lengths, pattern)
    tensor = reshape(tensor, tuple(lengths[n] for n in names))
    tensor = transpose(tensor, tuple(names.index(n) for n in wanted))
    return reshape(tensor, tuple(_joined([lengths[n] for n in g]) for g in new))


def _complete(group, size, lengths, pattern):
    missing = [n for n in group if n not in lengths]
    known = prod(lengths[n] for n in group if n in lengths)
    if isinstance(size, KerasTensor):
        if len(group) != 1:
            raise ValueError(f"rearrange: an axis of unknown size cannot be split. Received: pattern={pattern!r}")
        lengths[group[0]] = size
        return
    if len(missing) > 1 or (missing and size % known) or (not missing and size != known):
        raise ValueError(f"rearrange: axes {group} do not fit an axis of size {size}. Received: {lengths}")
    if missing:
        lengths[missing[0]] = size // known


def _joined(sizes):
    """One size; -1 where an unknown size takes part in it."""
    if len(sizes) == 1:
        return sizes[0]
    return -1 if any(isinstance(s, KerasTensor) for s in sizes) else prod(sizes)


__all__ = ["rearrange"]
