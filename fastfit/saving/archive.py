"""The zip archive of a ``.keras`` file, or the same three files in a directory."""

import contextlib
import datetime
import functools
import io
import json
import os
import posixpath
import re
import struct
import tempfile
import zipfile
import zlib

from fastfit.saving.h5_store import h5py, open_to_read
from fastfit.utils.atomic import replacing

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"
# The version of Keras whose format this is: what reads the file may ask.
KERAS_VERSION = "3.15.1"
MAX_JSON_BYTES = 64 << 20
# Members are stored, not compressed. Somebody may have compressed the archive, but numbers do not shrink to this part.
FREE_BYTES, MAX_EXPANSION = 1 << 20, 100
_PLAIN_NAME = re.compile(r"[^/\\:\0]+")
# What the standard library raises for bytes that make no archive.
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OverflowError, struct.error, zlib.error)


def write_archive(path, config, write_weights, write_assets):
    """Write a ``.keras`` file.

    Parameters
    ----------
    path : str
    config : dict
    write_weights : callable
        Takes an open h5py file.
    write_assets : callable
        Takes an empty directory, for files that layers keep beside their weights.
    """
    with replacing(path) as temporary, open(temporary, "wb") as file:
        pack(file, config, write_weights, write_assets)


def pack(file, config, write_weights, write_assets):
    """Write the archive into an open binary file; the parameters are those of `write_archive`."""
    weights = io.BytesIO()
    with h5py().File(weights, "w") as h5:
        write_weights(h5)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, _metadata())
        archive.writestr(CONFIG, json.dumps(config))
        archive.writestr(WEIGHTS, weights.getbuffer())
        with tempfile.TemporaryDirectory() as directory:
            write_assets(directory)
            for folder, folders, names in os.walk(directory):
                folders.sort()
                for name in sorted(names):
                    found = os.path.join(folder, name)
                    archive.write(found, posixpath.join(ASSETS, *os.path.relpath(found, directory).split(os.sep)))


def write_directory(path, config, write_weights, write_assets):
    """Write the parts into a directory; the parameters are those of `write_archive`."""
    os.makedirs(path, exist_ok=True)
    write_assets(os.path.join(path, ASSETS))
    write_h5(os.path.join(path, WEIGHTS), write_weights)
    for name, text in ((METADATA, _metadata()), (CONFIG, json.dumps(config))):
        with replacing(os.path.join(path, name)) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(text)


def write_h5(path, write_weights):
    """Write a file of weights."""
    with replacing(path) as temporary, h5py().File(temporary, "w") as h5:
        write_weights(h5)


def _metadata():
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return json.dumps({"keras_version": KERAS_VERSION, "date_saved": now})


@contextlib.contextmanager
def reading(path):
    """Open a ``.keras`` file, a directory or an open binary file and give (config, open h5py file, assets).

    ``assets(path)`` is a context that gives a directory with the files that the object at a path has saved, or None.

    Raises
    ------
    ValueError : it is none of these, or a part is missing, damaged or larger than it may be.
    """
    if isinstance(path, (str, os.PathLike)) and os.path.isdir(path):
        with open_to_read(_part_of(path, WEIGHTS)) as h5:
            config_path = _part_of(path, CONFIG)
            _check_size(CONFIG, os.path.getsize(config_path), MAX_JSON_BYTES)
            with open(config_path, "rb") as file:
                yield _parse(file.read()), h5, functools.partial(_assets_of_directory, path)
        return
    with open_zip(path) as archive:
        config = _parse(_member(archive, CONFIG, MAX_JSON_BYTES))
        with weights_of(archive) as h5:
            yield config, h5, functools.partial(_assets_of_archive, archive)


@contextlib.contextmanager
def _assets_of_directory(root, path):
    directory = os.path.join(root, ASSETS, *path.split("/"))
    yield directory if os.path.isdir(directory) else None


@contextlib.contextmanager
def _assets_of_archive(archive, path):
    prefix = posixpath.join(ASSETS, path, "")
    names = [name for name in archive.namelist() if name.startswith(prefix) and not name.endswith("/")]
    if not names:
        yield None
        return
    with tempfile.TemporaryDirectory() as directory:
        for name in names:
            parts = name[len(prefix) :].split("/")
            # What the archive calls a file must not lead out of the directory.
            if not all(part not in ("", ".", "..") and _PLAIN_NAME.fullmatch(part) for part in parts):
                raise ValueError(f"Expected plain names of files in the archive. Received: {name!r}")
            data = _member(archive, name)
            target = os.path.join(directory, *parts)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(data)
        yield directory


def _part_of(directory, name):
    path = os.path.join(directory, name)
    if not os.path.isfile(path):
        raise ValueError(f"Expected {name} in the directory of a model. Received: {directory}")
    return path


def open_zip(path):
    """Return an open zip archive; ValueError if the file is none."""
    try:
        return zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise ValueError(f"Expected a `.keras` file, which is a zip archive. Received: {path}: {error}") from error


def weights_of(archive):
    """Return the open file of weights in an archive."""
    return open_to_read(io.BytesIO(_member(archive, WEIGHTS)))


def _member(archive, name, limit=None):
    found = [info for info in archive.infolist() if info.filename == name]
    if len(found) != 1:
        raise ValueError(
            f"Expected one file {name} in the archive. Received {len(found)}, among {archive.namelist()[:20]}"
        )
    info = found[0]
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"File {name} in the archive is compressed in a way that is not read: {info.compress_type}")
    _check_size(name, info.compress_size, archive.fp.seek(0, os.SEEK_END))
    _check_size(name, info.file_size, FREE_BYTES + MAX_EXPANSION * info.compress_size)
    if limit is not None:
        _check_size(name, info.file_size, limit)
    try:
        with archive.open(info) as file:
            return file.read(info.file_size)
    except (*_DAMAGE, OSError) as error:
        raise ValueError(f"File {name} in the archive is damaged, or encrypted: {error}") from error


def _check_size(name, size, limit):
    if size > limit:
        raise ValueError(
            f"File {name} is damaged or hostile: it says that it has {size} bytes, and it may have {limit} here."
        )


def _parse(text):
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{CONFIG} is no JSON text, or nested too deeply: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ValueError(f"{CONFIG} does not describe a model. Received: {str(config)[:200]}")
    return config
