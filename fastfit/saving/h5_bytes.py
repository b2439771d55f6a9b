"""What is looked at in the bytes of an HDF5 file before the HDF5 library reads it.

The library takes damage for an error nearly everywhere. Where it would loop without end, the bytes are checked here.
"""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Where the superblock of each version says how long addresses and sizes are.
_LENGTHS = {0: 13, 1: 13, 2: 9, 3: 9}
_HEAP, _HEADER = b"GCOL", 16


def check(data):
    """Raise ValueError for bytes that the HDF5 library should not see.

    Parameters
    ----------
    data : bytes or mmap
    """
    if data[: len(_SIGNATURE)] != _SIGNATURE:
        raise ValueError(f"It does not begin as an HDF5 file does. Received: {data[:8]!r}")
    at = _LENGTHS.get(data[8] if len(data) > 8 else -1)
    if at is None or data[at : at + 2] != b"\x08\x08":
        raise ValueError(f"The head of the HDF5 file is damaged, or of a new version. Received: {data[:16]!r}")
    _check_heaps(data)


def _check_heaps(data):
    """Heaps of text: the library steps through one from size to size, and forever if a size is 0."""
    steps = len(data) // _HEADER  # heaps do not overlap; what claims to is not walked again and again
    at = data.find(_HEAP)
    while at >= 0:
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        # Other bytes that happen to be the letters are not taken for a heap.
        if data[at + 4 : at + 5] == b"\x01" and 0 < size <= len(data) - at:
            steps -= _walk(data, at, size, steps)
        at = data.find(_HEAP, at + 1)


def _walk(data, start, size, most):
    at, end, count = start + _HEADER, start + size, 0
    while end - at >= _HEADER:
        index = int.from_bytes(data[at : at + 2], "little")
        held = int.from_bytes(data[at + 8 : at + 16], "little")
        step = _HEADER + (held + 7) // 8 * 8 if index else held
        count += 1
        if not _HEADER <= step <= end - at or count > most:
            raise ValueError(f"A heap of texts in the HDF5 file is damaged. Received: an entry of {held} bytes at {at}")
        at += step
    return count
