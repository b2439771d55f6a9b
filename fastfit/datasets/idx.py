"""The IDX file format of MNIST and its relatives."""

import gzip
import os
import struct
import zlib

import numpy as np

__all__ = ["read_idx"]

_UBYTE = 0x08
_CHUNK = 1 << 20


def read_idx(path, ndim=None, max_bytes=1 << 30):
    """Read an IDX file of unsigned bytes.

    Nothing is allocated on the word of the header alone: its sizes are bounded
    first, and memory then grows with the data that is really there.

    Parameters
    ----------
    path : str or os.PathLike
        The file; compressed if the name ends in ".gz".
    ndim : int, optional
        The number of dimensions that the array must have.
    max_bytes : int, default=2**30
        The largest array that is accepted.

    Returns
    -------
    ndarray of uint8

    Raises
    ------
    ValueError : the file is not IDX, is not of unsigned bytes, has another number
        of dimensions, is too large, or is shorter or longer than its header says.
    """
    path = os.fspath(path)
    with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as file:
        try:
            shape = _read_header(file, path, ndim, max_bytes)
            return _read_body(file, path, shape)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip data: {error}") from error


def _read_header(file, path, ndim, max_bytes):
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ValueError(f"{path}: not an IDX file. Expected a header of two zero bytes. Received: {magic.hex()}")
    if magic[2] != _UBYTE:
        raise ValueError(f"{path}: expected IDX data of unsigned bytes (type 0x08). Received: type 0x{magic[2]:02x}")
    count = magic[3]
    if count == 0 or (ndim is not None and count != ndim):
        wanted = "at least 1" if ndim is None else ndim
        raise ValueError(f"{path}: expected an IDX array of {wanted} dimensions. Received: {count}")
    sizes = file.read(4 * count)
    if len(sizes) < 4 * count:
        raise ValueError(f"{path}: the IDX header ends early")
    shape = struct.unpack(f">{count}I", sizes)
    total = 1
    for size in shape:
        total *= size
    if total > max_bytes:
        raise ValueError(f"{path}: the IDX header gives shape {shape}, more than {max_bytes} bytes")
    return shape


def _read_body(file, path, shape):
    total = 1
    for size in shape:
        total *= size
    data = bytearray()
    # One byte more than there should be, so that a longer file is found out.
    while len(data) <= total:
        chunk = file.read(min(_CHUNK, total + 1 - len(data)))
        if not chunk:
            break
        data += chunk
    if len(data) != total:
        found = "more" if len(data) > total else str(len(data))
        raise ValueError(f"{path}: the IDX header gives shape {shape}, {total} bytes. Received: {found} bytes")
    return np.frombuffer(data, np.uint8).reshape(shape)
