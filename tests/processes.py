"""Python processes that tests start."""

import os
import sys


def environment(*places, **more):
    """Return the environment of a process that imports what this one does, from ``places`` too."""
    return {**os.environ, **more, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), *map(str, places)])}
