"""Layers that join several inputs element by element."""

from fastfit import ops
from fastfit.layers.layer import Layer


class Merge(Layer):
    """Base of the merging layers. Inputs broadcast; those of lower rank get axes of size 1 after the batch."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def merge(self, inputs):
        """Join tensors of one rank."""
        raise NotImplementedError

    def _check_count(self, shapes):
        if not shapes:
            raise ValueError(f"A merge layer should be called on a list of at least 1 input. Received {len(shapes)}.")

    def build(self, input_shape):
        shapes = shape_list(input_shape)
        self._check_count(shapes)
        batches = {s[0] for s in shapes if s and s[0] is not None}
        if len(batches) > 1:
            raise ValueError(f"Cannot merge tensors with different batch sizes. Received tensors with shapes {shapes}")
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"A merge layer should be called on a list of inputs. Received: inputs={inputs} (not a list of tensors)"
            )
        rank = max(len(x.shape) for x in inputs)
        padded = []
        for x in inputs:
            for _ in range(rank - len(x.shape)):
                x = ops.expand_dims(x, axis=1)
            padded.append(x)
        return self.merge(padded)

    def compute_output_shape(self, input_shape):
        shapes = shape_list(input_shape)
        rank = max(len(s) for s in shapes)
        shapes = [s[:1] + (1,) * (rank - len(s)) + s[1:] for s in shapes]
        result = []
        for axis, sizes in enumerate(zip(*shapes, strict=True)):
            known = {d for d in sizes if d not in (None, 1)}
            if len(known) > 1:
                raise ValueError(
                    f"Inputs have incompatible shapes along axis {axis}. Received shapes {shape_list(input_shape)}"
                )
            # An unknown size may turn out to be 1, and then a known one decides.
            result.append(known.pop() if known else (None if None in sizes else 1))
        return tuple(result)

    def compute_mask(self, inputs, previous_mask):
        if previous_mask is None or any(m is None for m in previous_mask):
            return None
        mask = previous_mask[0]
        for m in previous_mask[1:]:
            mask = ops.logical_or(mask, m)
        return mask


def shape_list(input_shape):
    """Return the shapes of several inputs; ValueError if there is only one."""
    if not isinstance(input_shape, (list, tuple)) or not all(isinstance(s, (list, tuple)) for s in input_shape):
        raise ValueError(
            f"A merge layer should be called on a list of inputs. Received: input_shape={input_shape} "
            "(not a list of shapes)"
        )
    return [tuple(s) for s in input_shape]


def _fold(function, inputs):
    result = inputs[0]
    for x in inputs[1:]:
        result = function(result, x)
    return result


class Add(Merge):
    """Sum of the inputs."""

    def merge(self, inputs):
        return _fold(ops.add, inputs)


class Subtract(Merge):
    """First input less the second; exactly two."""

    def _check_count(self, shapes):
        if len(shapes) != 2:
            raise ValueError(f"A `Subtract` layer should be called on exactly 2 inputs. Received: {len(shapes)}")

    def merge(self, inputs):
        return ops.subtract(*inputs)


class Multiply(Merge):
    """Product of the inputs."""

    def merge(self, inputs):
        return _fold(ops.multiply, inputs)


class Average(Merge):
    """Mean of the inputs."""

    def merge(self, inputs):
        return _fold(ops.add, inputs) / len(inputs)


class Maximum(Merge):
    """Element-wise maximum of the inputs."""

    def merge(self, inputs):
        return _fold(ops.maximum, inputs)


class Minimum(Merge):
    """Element-wise minimum of the inputs."""

    def merge(self, inputs):
        return _fold(ops.minimum, inputs)


def add(inputs, **kwargs):
    """Return the sum of the inputs, through an `Add` layer."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """Return the first input less the second, through a `Subtract` layer."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """Return the product of the inputs, through a `Multiply` layer."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """Return the mean of the inputs, through an `Average` layer."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """Return the maximum of the inputs, through a `Maximum` layer."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """Return the minimum of the inputs, through a `Minimum` layer."""
    return Minimum(**kwargs)(inputs)
