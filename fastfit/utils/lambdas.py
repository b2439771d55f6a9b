"""Lambdas as text, in the form in which Keras's files hold them: marshalled code, defaults, closure."""

import base64
import builtins
import marshal
import types


def dump(function):
    """Return (code, defaults, closure values) of a Python function; the code as base64 text."""
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    cells = function.__closure__
    return code, function.__defaults__, None if not cells else tuple(cell.cell_contents for cell in cells)


def load(dumped, names=None):
    """Return the function that `dump` described.

    Parameters
    ----------
    dumped : sequence
        What `dump` returned; lists stand for tuples.
    names : dict, optional
        Global names that the code may use, beside the builtins.
    """
    text, defaults, closure = dumped
    code = marshal.loads(base64.decodebytes(text.encode("ascii")))
    cells = None if closure is None else tuple(types.CellType(value) for value in closure)
    names = {"__builtins__": builtins, **(names or {})}
    return types.FunctionType(code, names, code.co_name, None if defaults is None else tuple(defaults), cells)
