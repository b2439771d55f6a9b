"""The op table: one row per op, with its shape rule, its NumPy meaning and its gradient."""

import functools
import inspect
import math
from functools import cached_property

import numpy as np

from fastfit import config
from fastfit.graph.array import as_array, plain
from fastfit.graph.shapes import rows_each
from fastfit.graph.tensor import KerasTensor, Node, Operand, Shape
from fastfit.graph.trace import current
from fastfit.utils.warn import user_frame, warn_user

OPS = {}


class Spec:
    """Shape and dtype of an input that a shape rule sees."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape, dtype):
        self.shape = tuple(shape)
        self.dtype = dtype


class Op:
    """A row of the op table.

    Parameters
    ----------
    name : str
    shape : callable
        ``shape(*specs, **attrs)`` returns (shape, dtype), or a list of those for several outputs.
    meaning : callable
        ``meaning(*arrays, **attrs)`` computes with NumPy; several outputs come as a tuple.
    grad : callable, optional
        ``grad(node, *dys)`` returns one gradient per input (None where there is none).
    promote : {None, "same", "float"}
        Whether inputs are brought to one dtype ("float": a float one) before anything else.
    operands : slice, optional
        The inputs that ``promote`` concerns; all by default.
    constant : bool
        The output does not vary smoothly with the inputs (comparisons, argmax, ...): its gradient is legitimately
        absent. An op that has neither this nor ``grad`` cannot be differentiated, and says so.
    elementwise : bool
        Each element of the output is that of the elements at its place, broadcast.
    by_row : bool
        Each row of the output is made of the rows at its place, if they are not joined one below the other. So are
        those of ``elementwise``.
    sizes : slice, optional
        The inputs that are the unknown sizes of the output, int scalars, in order.
    rows : callable, optional
        ``rows(*inputs, **attrs)`` is how many rows there are for each row of the batch, where the op adds or multiplies
        them; 0 for no whole number.
    """

    def __init__(
        self, name, shape, meaning, grad=None, *, promote=None, operands=None, constant=False, elementwise=False,
        by_row=False, sizes=None, rows=None,
    ):  # fmt: skip
        self.name = name
        self.shape = shape
        self.meaning = meaning
        self.grad = grad
        self.promote = promote
        self.operands = operands
        self.constant = constant
        self.elementwise = elementwise
        self.by_row = by_row or elementwise
        self.sizes = sizes
        self.rows = rows

    def __repr__(self):
        return f"<Op {self.name}>"

    @cached_property
    def parameters(self):
        """The parameters of the meaning; none of NumPy's ufuncs, which take arrays only."""
        if isinstance(self.meaning, np.ufunc):
            return {}
        return inspect.signature(self.meaning).parameters

    def given(self, attrs):
        """The names of the attributes that are not as they are by default."""
        return [name for name, value in attrs.items() if not self._is_default(name, value)]

    def _is_default(self, name, value):
        default = self.parameters[name].default if name in self.parameters else inspect.Parameter.empty
        return default is value or (type(default) is type(value) in (int, float, bool, str) and default == value)


def define(name, shape, meaning, grad=None, **options):
    """Add a row to the op table and return it. See `Op` for the parameters."""
    if name in OPS:
        raise ValueError(f"op {name!r} is defined twice")
    OPS[name] = Op(name, shape, meaning, grad, **options)
    return OPS[name]


# Dtypes ------------------------------------------------------------------------------------------------------------

_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


@functools.lru_cache(maxsize=256)  # there are few dtypes, and every op asks
def _kind(dtype):
    return _KINDS.get(np.dtype(dtype).kind, 2)


def is_float(dtype):
    """Whether a dtype name is that of a real float."""
    return np.dtype(dtype).kind == "f"


def promote_dtypes(dtypes):
    """Return the dtype that values of these dtypes meet in. A float beats any integer, whatever their sizes."""
    return _promoted(tuple(dtypes))


@functools.lru_cache(maxsize=1024)
def _promoted(dtypes):
    top = max(_kind(d) for d in dtypes)
    if top == 2:
        dtypes = [d for d in dtypes if _kind(d) == 2]
    result = np.result_type(*dtypes)
    if top < 2 and result.kind == "f":  # uint64 with int64
        return "int64"
    return result.name


def natural_dtype(x):
    """Return the dtype that a tensor, a variable, an array or a Python number has by itself."""
    if isinstance(x, (Operand, np.ndarray, np.generic)):
        return x.dtype if isinstance(x.dtype, str) else x.dtype.name
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, int):
        return "int32" if -(2**31) <= x < 2**31 else "int64"
    if isinstance(x, float):
        return config.floatx()
    return np.asarray(x).dtype.name


def common_dtype(inputs, as_float=False):
    """Return the dtype in which ``inputs`` are computed.

    Tensors decide. Constants beside them only lift the kind (an int tensor and a float constant meet in ``floatx``).
    Among arrays alone, those with axes decide, and numbers only lift the kind.
    """
    inputs = [x for x in inputs if x is not None]
    strong = [x for x in inputs if isinstance(x, KerasTensor)]
    if not strong:
        strong = [x for x in inputs if getattr(x, "ndim", 0)] or [x for x in inputs if hasattr(x, "dtype")] or inputs
    dtype = promote_dtypes([natural_dtype(x) for x in strong])
    rest = [natural_dtype(x) for x in inputs if not any(x is s for s in strong)]
    if rest:
        top = max(_kind(d) for d in rest)
        if top > _kind(dtype):
            dtype = config.floatx() if top == 2 else promote_dtypes([d for d in rest if _kind(d) == top])
        elif top == 1 and _kind(dtype) == 1:
            arrays = [natural_dtype(x) for x in inputs if isinstance(x, np.ndarray) and x.ndim]
            dtype = promote_dtypes([dtype, *(d for d in arrays if _kind(d) == 1)])
    if as_float and _kind(dtype) < 2:
        dtype = config.floatx()
    return dtype


def _convert(x, dtype, keep_numbers):
    if x is None:
        return x
    if isinstance(x, KerasTensor):
        return x if x.dtype == dtype else _node(OPS["cast"], [x], {"dtype": dtype})
    if type(x) in (bool, int, float) and keep_numbers:  # np.float64 is a float too, but would widen float32
        return x
    return x if isinstance(x, np.ndarray) and x.dtype == dtype else np.asarray(x).astype(dtype)


# Application -------------------------------------------------------------------------------------------------------


def _operand(x, symbolic):
    if x is None or isinstance(x, (KerasTensor, np.ndarray, np.generic, bool, int, float, complex)):
        return plain(x)
    if isinstance(x, Operand):
        return x.operand(symbolic)
    array = np.asarray(x)
    if array.dtype == object:
        raise TypeError(f"Cannot compute with {x!r} of type {type(x).__name__}")
    # Python lists are numbers too: their floats are floatx, not NumPy's float64.
    if isinstance(x, (list, tuple)) and array.dtype == np.float64:
        array = array.astype(config.floatx())
    elif isinstance(x, (list, tuple)) and array.dtype == np.int64:
        array = array.astype("int32") if np.all(np.abs(array) < 2**31) else array
    return array


def _check_left_out(op, inputs):
    """Raise for a None where an op needs a value: most often it is a size that was read from a shape."""
    optional = [p.kind is p.POSITIONAL_OR_KEYWORD and p.default is None for p in op.parameters.values()]
    for i, x in enumerate(inputs):
        if x is None and not (i < len(optional) and optional[i]):
            raise TypeError(
                f"Op '{op.name}' needs a value as operand {i + 1}. Sizes that are known only at run time, such as that "
                "of the batch, are None in .shape: use fastfit.ops.shape(x)[0] instead of x.shape[0]. Received: None"
            )


def apply(name, *inputs, **attrs):
    """Apply an op.

    Parameters
    ----------
    name : str
    *inputs : KerasTensor, Variable, array or number
    **attrs
        The op's parameters.

    Returns
    -------
    Array or KerasTensor, or a tuple of them
        Arrays if all inputs are concrete; a variable is concrete unless a trace is active.
    """
    op = OPS.get(name)
    if op is None:
        raise ValueError(f"Unknown op: {name!r}")
    symbolic = any(isinstance(x, KerasTensor) for x in inputs)
    if not symbolic and current() is not None:
        symbolic = any(isinstance(x, Operand) for x in inputs)
    inputs = [_operand(x, symbolic) for x in inputs]
    if any(x is None for x in inputs):
        _check_left_out(op, inputs)
    if op.promote:
        chosen = inputs if op.operands is None else inputs[op.operands]
        dtype = common_dtype(chosen, op.promote == "float")
        # Beside tensors and arrays Python numbers stay as they are: NumPy treats them as weak. Alone they would not be.
        arrays = any(isinstance(x, KerasTensor) or getattr(x, "ndim", 0) for x in chosen)
        chosen = [_convert(x, dtype, arrays) for x in chosen]
        if op.operands is None:
            inputs = chosen
        else:
            inputs[op.operands] = chosen
    if symbolic:
        return _node(op, inputs, attrs)
    try:
        result = op.meaning(*inputs, **attrs)
    except ValueError as error:
        if "could not be broadcast" not in str(error):
            raise
        found = ", ".join(str(np.shape(x)) for x in inputs if x is not None)
        raise ValueError(f"Op '{name}' cannot broadcast its operands to one shape. Received shapes: {found}") from error
    return tuple(map(as_array, result)) if type(result) is tuple else as_array(result)


def _spec(x, dtype):
    if x is None or isinstance(x, KerasTensor):
        return x
    return Spec(np.shape(x), natural_dtype(x) if hasattr(x, "dtype") or dtype is None else dtype)


def _node(op, inputs, attrs):
    dtype = None
    if op.promote:
        chosen = inputs if op.operands is None else inputs[op.operands]
        dtype = next((x.dtype for x in chosen if isinstance(x, KerasTensor)), None)
        if dtype is None:
            dtype = common_dtype(chosen, op.promote == "float")
    if op.by_row and len(inputs) > 1:
        inputs = _meet_batch(inputs, attrs.get("axis", 0) if op.name == "concatenate" else None)
    result = op.shape(*[_spec(x, dtype) for x in inputs], **attrs)
    if op.elementwise and len(inputs) > 1:
        _warn_of_pairs(inputs)
    if isinstance(result, list):
        outputs = [KerasTensor(_with_rows(s, op, inputs, attrs), d) for s, d in result]
        Node(op, inputs, attrs, outputs)
        return tuple(outputs)
    output = KerasTensor(_with_rows(result[0], op, inputs, attrs), result[1])
    Node(op, inputs, attrs, [output])
    return output


def _warn_of_pairs(inputs):
    """Warn where the rows of one operand meet an axis of size 1 of another: (n,) and (n, 1) give (n, n)."""
    shapes = [x._shape for x in inputs if isinstance(x, KerasTensor) and x._shape and x._shape[0] is None]
    for short in shapes:
        for long in shapes:
            place = len(long) - len(short)
            if place > 0 and long[place] == 1:
                _, frame = user_frame()
                line = frame.f_code.co_filename, frame.f_lineno
                said = current().__dict__.setdefault("pairs_said", set()) if current() is not None else set()
                if line not in said:
                    said.add(line)
                    warn_user(
                        f"Shapes {tuple(long)} and {tuple(short)} are broadcast: every row meets all rows of the "
                        "batch, as in NumPy. Reshape one of them if that is not meant. "
                        f"Received: line {line[1]} of {line[0]}"
                    )
                return


def _shape_of(x):
    return x._shape if isinstance(x, KerasTensor) else np.shape(x)


def _meet_batch(inputs, joined):
    """The inputs; those of fixed rows beside a batch are taken for a batch, which must have so many rows when it runs.

    Kernels know only what has one row, and what has one for each row of the batch.
    """
    ranks = [0 if x is None else len(_shape_of(x)) for x in inputs]
    rank = max(ranks)
    if rank == 0 or joined in (0, -rank):
        return inputs
    batches = [x for x, n in zip(inputs, ranks, strict=True) if n == rank and _shape_of(x)[0] is None]
    if not batches:
        return inputs
    return [
        as_batch(x, batches[0]) if x is not None and n == rank and _shape_of(x)[0] not in (None, 0, 1) else x
        for x, n in zip(inputs, ranks, strict=True)
    ]


def as_batch(x, batch):
    """Return ``x``, whose rows are fixed, as a tensor with the rows of a batch."""
    return _node(OPS["as_batch"], [x, batch], {})


def _with_rows(shape, op, inputs, attrs):
    """The shape, and how many of its rows there are for each row of the batch."""
    if not shape or shape[0] is not None:
        return shape
    if type(shape) is Shape:  # that of an input, or its first axes
        return shape
    if op.rows is not None:
        return Shape(shape, op.rows(*inputs, **attrs))
    if op.name == "reshape" and inputs[0].shape[:1] != (None,) and len(inputs) > 1:
        return Shape(shape, rows_each(inputs[1]) or 0)
    if op.name == "reshape":
        x = inputs[0]
        have, want = (math.prod(d for d in s if d is not None) for s in (x.shape, shape))
        if x.shape[:1] != (None,) or have == want:
            return Shape(shape, x.shape.times)
        return Shape(shape, x.shape.times * have // want if want and x.shape.times * have % want == 0 else 0)
    known = [x for x in inputs if isinstance(x, KerasTensor)]
    times = {x._shape.times for x in known if x._shape and x._shape[0] is None}
    if not times and op.sizes is not None and inputs[op.sizes]:  # made of ops.shape(x)[0]
        return Shape(shape, rows_each(inputs[op.sizes][0]) or 0)
    return Shape(shape, times.pop() if len(times) == 1 else int(not times))


def cast(x, dtype):
    """Return ``x`` in another dtype; itself if it has it already."""
    if isinstance(x, Operand) and not isinstance(x, KerasTensor):
        x = x.operand(False)
    return x if natural_dtype(x) == dtype and hasattr(x, "dtype") else apply("cast", x, dtype=dtype)


def apply_symbolic(name, *inputs, **attrs):
    """Apply an op, with a node in the graph even if no input is symbolic."""
    return _node(OPS[name], list(inputs), attrs)


def constant(value):
    """Return a tensor that always holds ``value``."""
    value = np.asarray(value)
    return apply_symbolic("constant", value=value)


define("constant", lambda value: (value.shape, value.dtype.name), lambda value: value, constant=True)

Operand._apply = staticmethod(apply)
