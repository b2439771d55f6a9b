"""Constructors of classes that do nothing but hold a function and its parameters."""

import inspect


def constructor_of(cls, base, function, order, defaults):
    """Return the ``__init__`` of a class that stands for a function.

    It hands the function and its parameters to ``base.__init__`` by keyword and keeps the parameters as attributes.

    Parameters
    ----------
    cls : type
        The class that is being made.
    base : type
        Its ``__init__`` takes ``fn``, the names in ``defaults``, and the function's parameters.
    function : callable
        ``function(y_true, y_pred, **parameters)``.
    order : str
        The arguments in Keras's order: names in ``defaults`` and parameters of the function, separated by spaces.
    defaults : dict
        Of the arguments that are not the function's.
    """
    own = inspect.signature(function).parameters
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = [
        inspect.Parameter(name, kind, default=defaults[name] if name in defaults else own[name].default)
        for name in order.split()
    ]
    signature = inspect.Signature(arguments)

    def __init__(self, *args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}.__init__(): {error}") from None
        bound.apply_defaults()
        base.__init__(self, fn=function, **bound.arguments)
        self._parameters = frozenset(bound.arguments) - frozenset(defaults)
        for name, value in bound.arguments.items():
            if name in self._parameters:
                setattr(self, name, value)

    __init__.__signature__ = signature.replace(parameters=[inspect.Parameter("self", kind), *arguments])
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    return __init__


def parameters_now(holder, given):
    """Return what a function gets: what was ``given``, or what attributes that `constructor_of` has made now are.

    Parameters
    ----------
    holder : object
    given : dict
    """
    own = holder._parameters
    return {name: getattr(holder, name, value) if name in own else value for name, value in given.items()}
