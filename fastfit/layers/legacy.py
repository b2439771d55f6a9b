"""Argument names of old Keras versions."""

import warnings


def rename_keywords(owner, kwargs, names):
    """Take old names out of ``kwargs`` and return their values under the new names, with a warning.

    Parameters
    ----------
    owner : str
        Class name, for the message.
    kwargs : dict
        Changed in place.
    names : dict
        Old name to new name.
    """
    renamed = {}
    for old, new in names.items():
        if old in kwargs:
            warnings.warn(f"{owner}: the argument `{old}` is called `{new}` now.", DeprecationWarning, stacklevel=4)
            renamed[new] = kwargs.pop(old)
    return renamed
