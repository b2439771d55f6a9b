"""Where a data set's files are: a path given, FASTFIT_HOME, a system folder, or a checked download."""

import hashlib
import os
import tempfile
import zipfile

import numpy as np

from fastfit.datasets.idx import read_idx

__all__ = ["IDX_FILES", "Source", "load"]

# In the order of the arrays that load_data returns.
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_SYSTEM_FOLDERS = ("/usr/share/datasets", "/usr/local/share/datasets")
_CHUNK = 1 << 16
_TIMEOUT_SECONDS = 30


class Source:
    """One data set: its folder's name and what to download.

    Parameters
    ----------
    name : str
        The folder's name under FASTFIT_HOME and under the system folders.
    base_url : str
        Where the files are; https.
    files : dict
        File name: (number of bytes, SHA-256 in hexadecimal).
    """

    def __init__(self, name, base_url, files):
        self.name = name
        self.base_url = base_url
        self.files = files


def load(source, path=None):
    """Load ((x_train, y_train), (x_test, y_test)) of `source`, as described in `fashion_mnist.load_data`."""
    if path is not None:
        path = os.fspath(path)
        if path in source.files and not os.path.exists(path):
            # Keras's default, `mnist.load_data("mnist.npz")`, is the name of a file in its cache.
            return load(source)
        if not os.path.exists(path):
            raise FileNotFoundError(
                f"{source.name}: expected `path` to be an .npz file or a folder with the IDX files. "
                f"Received: path={path!r}, which does not exist"
            )
        found = _find(path, source)
        if found is None:
            raise FileNotFoundError(
                f"{source.name}: expected an .npz file, or a folder with {source.name}.npz or with "
                f"{', '.join(IDX_FILES)} (or the same names with .gz). Received: path={path!r}"
            )
        return _read(found)
    home = os.path.join(_home(), source.name)
    for folder in (home, *(os.path.join(folder, source.name) for folder in _SYSTEM_FOLDERS)):
        found = _find(folder, source)
        if found is not None:
            return _read(found)
    _download(source, home)
    return _read(_find(home, source))


def _home():
    home = os.environ.get("FASTFIT_HOME")
    return home if home else os.path.join(os.path.expanduser("~"), ".cache", "fastfit")


def _find(path, source):
    """The .npz file or the four IDX files at `path`; None if they are not all there."""
    if os.path.isfile(path):
        return path if path.endswith(".npz") else None
    found = []
    for name in IDX_FILES:
        # Some copies write "train-images.idx3-ubyte".
        names = [name, name + ".gz", name.replace("-idx", ".idx"), name.replace("-idx", ".idx") + ".gz"]
        there = [full for full in (os.path.join(path, each) for each in names) if os.path.isfile(full)]
        if there:
            found.append(there[0])
    if len(found) == len(IDX_FILES):
        return found
    for name in (f"{source.name}.npz", f"{source.name.replace('-', '_')}.npz"):
        if os.path.isfile(os.path.join(path, name)):
            return os.path.join(path, name)
    return None


def _read(found):
    if isinstance(found, str):
        arrays, where = _read_npz(found), found
    else:
        arrays = [read_idx(name, ndim=3 if "images" in os.path.basename(name) else 1) for name in found]
        where = os.path.dirname(found[0])
    x_train, y_train, x_test, y_test = arrays
    for kind, x, y in (("training", x_train, y_train), ("test", x_test, y_test)):
        if x.ndim != 3 or y.ndim != 1 or len(x) != len(y):
            raise ValueError(
                f"{where}: expected {kind} images of shape (n, height, width) and labels of shape (n,). "
                f"Received: shapes {x.shape} and {y.shape}"
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise ValueError(
            f"{where}: expected training and test images of one size. "
            f"Received: shapes {x_train.shape} and {x_test.shape}"
        )
    return (x_train, y_train), (x_test, y_test)


def _read_npz(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in _NPZ_KEYS if key not in archive]
            if missing:
                raise ValueError(f"expected the arrays {', '.join(_NPZ_KEYS)}. Missing: {', '.join(missing)}")
            return [archive[key] for key in _NPZ_KEYS]
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path}: not a usable .npz file: {error}") from error


def _download(source, folder):
    os.makedirs(folder, exist_ok=True)
    for name, (size, digest) in source.files.items():
        target = os.path.join(folder, name)
        if not os.path.isfile(target):
            _download_file(source.base_url + name, target, size, digest)


def _download_file(url, target, size, digest):
    """Download beside `target` and rename: a file with the final name is whole and was checked."""
    # Costs more to import than the rest of the package, and only a download needs it.
    import urllib.request

    if not url.startswith("https://"):
        raise ValueError(f"expected an https address. Received: {url!r}")
    handle, partial = tempfile.mkstemp(dir=os.path.dirname(target), prefix=os.path.basename(target) + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            try:
                with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
                    count, actual = _copy(response, file, size)
            except OSError as error:
                folder = os.path.dirname(target)
                raise OSError(
                    f"could not download {url}: {error}. Without a network, put the files into {folder} "
                    "or pass their folder as `path`"
                ) from error
        if count != size or actual != digest:
            raise OSError(
                f"{url}: expected {size} bytes with SHA-256 {digest}. Received: {count} bytes with SHA-256 {actual}"
            )
        os.replace(partial, target)
    except BaseException:
        os.unlink(partial)
        raise


def _copy(response, file, limit):
    """Copy at most one byte more than `limit`; the number of bytes and their SHA-256."""
    digest = hashlib.sha256()
    count = 0
    while count <= limit:
        chunk = response.read(min(_CHUNK, limit + 1 - count))
        if not chunk:
            break
        file.write(chunk)
        digest.update(chunk)
        count += len(chunk)
    return count, digest.hexdigest()
