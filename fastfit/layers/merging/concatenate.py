"""Concatenate: inputs side by side."""

from fastfit import ops
from fastfit.layers.merging.merge import Merge, shape_list
from fastfit.layers.shapes import is_integer


class Concatenate(Merge):
    """Join the inputs along an axis; their other sizes must agree.

    Parameters
    ----------
    axis : int, default=-1
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if not is_integer(axis):
            raise ValueError(f"Argument `axis` must be an integer. Received: axis={axis!r}")
        self.axis = int(axis)

    def merge(self, inputs):
        return ops.concatenate(inputs, axis=self.axis)

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        return self.merge(list(inputs))

    def compute_output_shape(self, input_shape):
        shapes = shape_list(input_shape)
        rank = len(shapes[0])
        axis = self.axis + rank if self.axis < 0 else self.axis
        problem = (
            "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
            f"Received: input_shape={shapes}"
        )
        if any(len(s) != rank for s in shapes) or not 0 <= axis < rank:
            raise ValueError(problem)
        result = []
        for i, sizes in enumerate(zip(*shapes, strict=True)):
            if i == axis:
                result.append(None if None in sizes else sum(sizes))
                continue
            known = {d for d in sizes if d is not None}
            if len(known) > 1:
                raise ValueError(problem)
            result.append(known.pop() if known else None)
        return tuple(result)

    def compute_mask(self, inputs, previous_mask):
        if previous_mask is None or all(m is None for m in previous_mask):
            return None
        masks = []
        for x, m in zip(inputs, previous_mask, strict=True):
            if m is None:
                m = ops.ones_like(x, dtype="bool")
            else:
                for _ in range(len(x.shape) - len(m.shape)):
                    m = ops.expand_dims(m, axis=-1)
                m = ops.logical_and(ops.ones_like(x, dtype="bool"), m)
            masks.append(m)
        return ops.any(ops.concatenate(masks, axis=self.axis), axis=-1)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


def concatenate(inputs, axis=-1, **kwargs):
    """Return the inputs side by side, through a `Concatenate` layer."""
    return Concatenate(axis=axis, **kwargs)(inputs)
