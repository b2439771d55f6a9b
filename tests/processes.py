"""Python processes that tests start."""

import os
import sys


def environment(*places, **more):
    """Return the environment of a process that imports what this one does, from ``places`` too.

    The folder that it runs in is none of them: a checkout would hide the package that is installed.
    """
    path = os.pathsep.join([*filter(None, sys.path), *map(str, places)])
    return {**os.environ, **more, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
