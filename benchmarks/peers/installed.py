"""Which peers are here; looks without importing them."""

from importlib.util import find_spec


def keras_backends():
    """The backends that Keras can be run on."""
    if find_spec("keras") is None:
        return []
    return [name for name in ("jax", "torch") if find_spec(name) is not None]
