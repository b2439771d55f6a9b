"""InputSpec: what a layer demands of its inputs."""

from fastfit.utils import nest


class InputSpec:
    """Rank, shape and dtype that a layer accepts.

    Parameters
    ----------
    dtype : str, optional
    shape : tuple, optional
        None entries match anything.
    ndim, max_ndim, min_ndim : int, optional
    axes : dict, optional
        Axis to its size.
    allow_last_axis_squeeze : bool, default=False
        A trailing axis of size 1 may be missing or too many.
    name : str, optional
    optional : bool, default=False
        The input may be None.
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(k): axes[k] for k in axes} if axes else {}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self):
        given = [f"{k}={v}" for k, v in vars(self).items() if v not in (None, False, {})]
        return f"InputSpec({', '.join(given)})"

    def get_config(self):
        return dict(vars(self), ndim=None if self.shape is not None else self.ndim)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def assert_input_compatibility(input_spec, inputs, layer_name):
    """Raise ValueError, naming the layer, if ``inputs`` do not fit ``input_spec``."""
    if not input_spec:
        return
    specs = nest.flatten(input_spec)
    tensors = nest.flatten(inputs)
    if len(specs) != len(tensors):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(tensors)} input tensors. '
            f"Inputs received: {inputs}"
        )
    for index, (spec, x) in enumerate(zip(specs, tensors, strict=True)):
        if spec is None or (x is None and spec.optional):
            continue
        if not hasattr(x, "shape"):
            raise ValueError(
                f"Inputs to a layer should be tensors. Got '{x}' (of type {type(x)}) as input for layer '{layer_name}'."
            )
        problem = _mismatch(spec, tuple(x.shape))
        if problem:
            raise ValueError(
                f'Input {index} of layer "{layer_name}" is incompatible with the layer: {problem}. '
                f"Full shape received: {tuple(x.shape)}"
            )


def _mismatch(spec, shape):
    rank = len(shape)
    if spec.ndim is not None and rank != spec.ndim and not spec.allow_last_axis_squeeze:
        return f"expected ndim={spec.ndim}, found ndim={rank}"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={rank}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={rank}"
    for axis, value in spec.axes.items():
        if value is not None and -rank <= axis < rank and shape[axis] not in (value, None):
            return f"expected axis {axis} of input shape to have value {value}, but received input with shape {shape}"
    if spec.shape is None:
        return None
    expected = spec.shape
    if spec.allow_last_axis_squeeze:
        if shape and shape[-1] == 1:
            shape = shape[:-1]
        if expected and expected[-1] == 1:
            expected = expected[:-1]
    fits = len(expected) == len(shape) and all(
        e is None or s is None or e == s for e, s in zip(expected, shape, strict=True)
    )
    return None if fits else f"expected shape={expected}, found shape={shape}"
