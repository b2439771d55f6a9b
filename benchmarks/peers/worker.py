"""The worker's side of `common.Worker`: JSON lines on standard input and output."""

import importlib
import json
import os
import platform
import sys
import traceback


def versions(*names):
    """{"python": ..., each package: its version}."""
    found = {"python": platform.python_version()}
    for name in names:
        module = importlib.import_module(name)
        found[name] = getattr(module, "__version__", "unknown")
    return found


def serve(setup):
    """Call `setup(**options)` with the first line, then its commands, one a line.

    Parameters
    ----------
    setup : callable
        Returns (information for the first answer, {command: function}).
    """
    # Whatever a library prints goes to standard error: standard output carries answers only.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    commands = {}
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if not commands:
                answer, commands = setup(**message)
            else:
                answer = commands[message.pop("command")](**message)
        except Exception as error:  # the other side of the pipe shows it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
