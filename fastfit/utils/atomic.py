"""Files that are there whole or not at all."""

import contextlib
import itertools
import os
import re
import socket

_count = itertools.count()
_TEMPORARY = re.compile(r"\.(?P<host>[^.]*)-(?P<process>\d+)-\d+\.tmp")


@contextlib.contextmanager
def replacing(path):
    """Give the name of a temporary file beside ``path``, which takes its place when the block has ended well.

    Whoever reads ``path`` meanwhile, or after a crash, finds the old file or the new one.

    Parameters
    ----------
    path : str or path-like
        A link is followed: the file that it names is replaced.

    Raises
    ------
    IsADirectoryError : ``path`` is a directory.
    """
    path = os.path.realpath(os.fspath(path))
    if os.path.isdir(path):
        raise IsADirectoryError(f"Expected the path of a file, but it is a directory. Received: {path}")
    remove_leftovers(path)
    temporary = f"{_prefix(path)}{_host()}-{os.getpid()}-{next(_count)}.tmp"
    try:
        yield temporary
        _sync(temporary, os.O_RDWR)
        os.replace(temporary, path)
        _sync(os.path.dirname(path), os.O_RDONLY)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def remove_leftovers(path):
    """Remove the temporary files for ``path`` of processes of this machine that are no more."""
    prefix = _prefix(os.path.realpath(os.fspath(path)))
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(os.path.dirname(prefix)):
            if not entry.path.startswith(prefix):
                continue
            match = _TEMPORARY.fullmatch(entry.path[len(prefix) - 1 :])
            if match and match["host"] == _host() and not _alive(int(match["process"])):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.path)


def _prefix(path):
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.")


def _host():
    return re.sub(r"[^A-Za-z0-9_]", "_", socket.gethostname())


def _alive(process):
    if os.name != "posix":  # where a signal of number 0 is not a question
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(path, flags):
    """Wait until a file or directory is on the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
