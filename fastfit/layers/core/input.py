"""Input: where a model's data come in."""

from fastfit.graph.tensor import KerasTensor, Node
from fastfit.layers.layer import Layer
from fastfit.layers.shapes import dtype_name, is_integer, standardize_shape
from fastfit.utils.naming import auto_name


class InputLayer(Layer):
    """The layer behind `Input`.

    Parameters
    ----------
    shape : tuple, optional
        Without the batch axis.
    batch_size : int, optional
    dtype : str, optional
    batch_shape : tuple, optional
        With the batch axis, instead of ``shape``.
    input_tensor : KerasTensor, optional
        Use this tensor's shape and dtype.
    optional : bool, default=False
    name : str, optional
    sparse, ragged : bool, optional
        Must not be True.
    """

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        if "input_shape" in kwargs and shape is None:
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs and batch_shape is None:
            batch_shape = kwargs.pop("batch_input_shape")
        if sparse or ragged:
            raise ValueError("Sparse and ragged inputs are not supported.")
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(
                    f"Argument `input_tensor` must be a KerasTensor. Received: input_tensor={input_tensor}"
                )
            batch_shape = batch_shape or input_tensor.shape
            dtype = dtype or input_tensor.dtype
            name = name or input_tensor.name
        super().__init__(name=name or auto_name("input_layer"), **kwargs)
        if shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        if batch_size is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
        if shape is None and batch_shape is None:
            raise ValueError("You must pass a `shape` argument.")
        if shape is not None:
            batch_shape = (_batch_size(batch_size), *standardize_shape(shape, "shape"))
        self.batch_shape = standardize_shape(batch_shape, "batch_shape")
        self.dtype = dtype_name(dtype)
        self.optional = bool(optional)
        output = KerasTensor(self.batch_shape, self.dtype, name=self.name)
        self._inbound_nodes.append(Node(self, [], {"args": ((),), "kwargs": {}, "outputs": output}, [output]))
        self.built = True

    def call(self):
        raise NotImplementedError("An InputLayer is not called.")

    @property
    def input(self):
        return self.output

    @property
    def batch_size(self):
        """Size of the batch axis, or None."""
        return self.batch_shape[0]

    def get_config(self):
        config = {"batch_shape": self.batch_shape, "dtype": self.dtype, "sparse": False, "ragged": False}
        return {**config, "name": self.name, "optional": self.optional}


def _batch_size(value):
    if value is None or (is_integer(value) and value > 0):
        return value
    raise ValueError(f"Argument `batch_size` must be a positive integer or None. Received: batch_size={value!r}")


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """Return the symbolic tensor that a model starts from.

    Parameters
    ----------
    shape : tuple
        Without the batch axis; None where a size is unknown.
    batch_size : int, optional
    dtype : str, default="float32"
    batch_shape : tuple, optional
        With the batch axis, instead of ``shape`` and ``batch_size``.
    name : str, optional
        The name that dicts of data use.
    tensor : KerasTensor, optional
        Take shape and dtype from it.
    optional : bool, default=False
    sparse, ragged : bool, optional
        Must not be True.

    Returns
    -------
    KerasTensor
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.output
