"""Nested structures of list, tuple and dict. A dict's leaves come in the order of its sorted keys, as in Keras."""


def is_nested(structure):
    """Whether ``structure`` is a list, tuple or dict."""
    return isinstance(structure, (list, tuple, dict))


def _keys(structure):
    try:
        return sorted(structure)
    except TypeError:  # keys of several types have no order: keep theirs
        return list(structure)


def flatten(structure):
    """Return the leaves in order."""
    leaves = []
    _flatten(structure, leaves)
    return leaves


def _flatten(structure, leaves):
    if isinstance(structure, dict):
        for key in _keys(structure):
            _flatten(structure[key], leaves)
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            _flatten(item, leaves)
    else:
        leaves.append(structure)


def map_structure(function, structure, *others):
    """Return a structure of the same form with ``function`` applied to each leaf (and to those of ``others``)."""
    if isinstance(structure, dict):
        mapped = {k: map_structure(function, structure[k], *(o[k] for o in others)) for k in structure}
        return mapped if type(structure) is dict else type(structure)(mapped)
    if isinstance(structure, (list, tuple)):
        items = [map_structure(function, s, *(o[i] for o in others)) for i, s in enumerate(structure)]
        if hasattr(structure, "_fields"):
            return type(structure)(*items)
        return tuple(items) if isinstance(structure, tuple) else items
    return function(structure, *others)


def pack_like(structure, leaves):
    """Return a structure of the form of ``structure`` holding ``leaves``, which come in `flatten`'s order."""
    return _pack(structure, iter(leaves))


def _pack(structure, leaves):
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in _keys(structure)}
        return {key: packed[key] for key in structure}
    if isinstance(structure, (list, tuple)):
        items = [_pack(item, leaves) for item in structure]
        if hasattr(structure, "_fields"):
            return type(structure)(*items)
        return tuple(items) if isinstance(structure, tuple) else items
    return next(leaves)


def paths(structure, prefix=""):
    """Return the path of each leaf, in `flatten`'s order: keys and places joined by slashes."""
    if isinstance(structure, dict):
        parts = [(key, structure[key]) for key in _keys(structure)]
    else:
        parts = enumerate(structure)
    found = []
    for key, part in parts:
        found += paths(part, f"{prefix}{key}/") if is_nested(part) else [f"{prefix}{key}"]
    return found


def by_path(values, structure, prefix=""):
    """Return values given in the form of a structure, or of a part of it, as a dict by the `paths` of its leaves.

    What has another form stays as it is, and so do keys that the structure does not have.
    """
    if isinstance(structure, dict):
        fits, parts = isinstance(values, dict), values.items() if isinstance(values, dict) else ()
    else:
        fits = isinstance(values, (list, tuple)) and len(values) == len(structure)
        parts = enumerate(values) if fits else ()
    if not fits:
        return values
    found = {}
    for key, value in parts:
        inner = structure.get(key) if isinstance(structure, dict) else structure[key]
        mapped = by_path(value, inner, f"{prefix}{key}/") if is_nested(inner) else value
        found.update(mapped if is_nested(inner) and mapped is not value else {f"{prefix}{key}": value})
    return found


def flatten_named(values, structure, names):
    """Return the leaves of a dict of inputs, in the order of the model's inputs.

    Parameters
    ----------
    values : dict
        By the keys of ``structure``, if that is a dict and all of them are there, else by ``names``. It may hold more.
    structure : structure
        The form of the model's inputs.
    names : list of str
        The inputs' names, in order.

    Raises
    ------
    ValueError
        A key is missing.
    """
    keys = names
    if isinstance(structure, dict):
        own, deep = _keys(structure), any(map(is_nested, structure.values()))
        if not deep or all(k in values for k in own):
            keys = own
    missing = [k for k in keys if k not in values]
    if missing:
        raise ValueError(
            f'Missing data for input "{missing[0]}". You passed a data dictionary with keys {list(values)}. Expected '
            f"the following keys: {keys}"
        )
    return flatten([values[k] for k in keys])


def describe(structure):
    """Return the structure with ``*`` for each leaf, for messages."""
    return str(map_structure(lambda _: "*", structure)).replace("'*'", "*")
