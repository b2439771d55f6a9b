"""HDF5 files of variables: one group ``<path>/vars`` per object, datasets named 0, 1, ..."""

import contextlib
import io
import math
import mmap

import numpy as np

from fastfit.saving import h5_bytes

# A dataset may declare a shape that needs far more memory than the file has bytes. Weights are stored as they are, so
# beyond the first megabyte anything that grows more than this is no weight.
FREE_BYTES = 1 << 20
MAX_EXPANSION = 100


def h5py():
    """Return the module h5py, which is imported only when a file is read or written."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("Files of weights need the package h5py. Install it: pip install h5py") from error
    return h5py


def open_to_read(file):
    """Return an open h5py file of a path or file object; ValueError if it is no HDF5 file."""
    try:
        h5 = h5py()
        if isinstance(file, io.BytesIO):
            h5_bytes.check(file.getvalue())
        else:
            with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
                h5_bytes.check(data)
        return h5.File(file, "r")
    except (FileNotFoundError, MemoryError, ImportError):
        raise
    except Exception as error:  # h5py turns damage into errors of many kinds
        raise ValueError(
            f"Expected a file in the format HDF5, but it cannot be read. Received: {file}: {error}"
        ) from error


@contextlib.contextmanager
def damage_as_value_error():
    """Raise ValueError for whatever h5py raises when it meets bytes that make no sense."""
    try:
        yield
    except (ValueError, TypeError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"The file of weights is damaged: {error}") from error


class WriteStore:
    """What an object writes its variables to: ``store["0"] = value``.

    Parameters
    ----------
    file : h5py.File
    path : str
        Of the object, "" for the root.
    name : str, optional
        The object's name, which becomes an attribute of the group.
    """

    def __init__(self, file, path, name=None):
        self._file, self._path, self._group = file, path, None
        if name is not None:
            self._make().attrs["name"] = name

    def _make(self):
        if self._group is None:
            self._group = self._file.create_group(f"{self._path}/vars" if self._path else "vars")
        return self._group

    def __setitem__(self, key, value):
        self._make()[key] = value.numpy() if hasattr(value, "numpy") else np.asarray(value)

    def __getitem__(self, key):
        return self._make()[key][()]

    def __delitem__(self, key):
        del self._make()[key]

    def __contains__(self, key):
        return self._group is not None and key in self._group

    def keys(self):
        """Names of what has been written."""
        return [] if self._group is None else list(self._group)

    def __len__(self):
        return len(self.keys())


class ReadStore:
    """What an object reads its variables from. A group that is missing is empty.

    Parameters
    ----------
    file : h5py.File
    path : str
    """

    def __init__(self, file, path):
        self._group = find_group(file, f"{path}/vars" if path else "vars")

    def keys(self):
        """Names of what can be read."""
        return [] if self._group is None else list(self._group)

    def __len__(self):
        return len(self.keys())

    def __contains__(self, key):
        return self._group is not None and key in self._group

    def shape(self, key):
        """Return the shape of a value without reading it."""
        return self._dataset(key).shape

    def __getitem__(self, key):
        return read_dataset(self._dataset(key))

    def _dataset(self, key):
        if key not in self:
            raise KeyError(f"There is no variable {key!r} in the file. Received: {self.keys()}")
        return checked_dataset(self._group, key)


def find_group(file, path):
    """Return the group at a path, or None; ValueError if the way there is a link or no group."""
    group = file
    for part in path.split("/"):
        if part not in group:
            return None
        _refuse_link(group, part)
        group = group[part]
        if not isinstance(group, h5py().Group):
            raise ValueError(f"Expected a group at {path!r} in the file. Received: {group}")
    return group


def _refuse_link(group, name):
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py().HardLink):
        raise ValueError(f"Links inside the file or out of it are not followed. Received: {link} at {name!r}")


def checked_dataset(group, name):
    """Return a dataset that is safe to read: its values are in this file, and they are as many as it says."""
    _refuse_link(group, name)
    dataset = group[name]
    where = dataset.name
    if not isinstance(dataset, h5py().Dataset):
        raise ValueError(f"Expected a dataset at {where!r} in the file. Received: {dataset}")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"The values of dataset {where!r} are in other files, which are not read.")
    if dataset.shape is None or dataset.dtype.hasobject or dataset.dtype.kind not in "fiubV":
        raise ValueError(f"Expected numbers at {where!r} in the file. Received: {dataset}")
    declared, stored = dataset_bytes(dataset), dataset.id.get_storage_size()
    if declared > FREE_BYTES + MAX_EXPANSION * stored:
        raise ValueError(
            f"Dataset {where!r} declares {declared} bytes, but {stored} are stored: the file is damaged or hostile. "
            f"Received: shape {dataset.shape}, dtype {dataset.dtype}"
        )
    return dataset


def dataset_bytes(dataset):
    """Return the bytes that reading a dataset takes."""
    return math.prod(dataset.shape) * dataset.dtype.itemsize


def read_dataset(dataset):
    """Return the values of a dataset; bfloat16, which NumPy does not have, as float32."""
    value = dataset[()]
    if dataset.attrs.get("dtype") == "bfloat16" or value.dtype.kind == "V":
        if value.dtype.itemsize != 2:
            raise ValueError(f"Expected numbers at {dataset.name!r} in the file. Received: {dataset}")
        words = np.ascontiguousarray(value).view(np.uint16).reshape(value.shape)
        return (words.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return value
