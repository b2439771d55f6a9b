"""Where messages go: standard output, or the log."""

import logging
import os
import sys

_interactive = True


def enable_interactive_logging():
    """Print progress to standard output (the default)."""
    global _interactive
    _interactive = True


def disable_interactive_logging():
    """Send progress to the logger ``fastfit`` instead of standard output."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled():
    """Whether progress goes to standard output."""
    return _interactive


def print_message(message, line_break=True):
    """Print to standard output, in characters that it can show, or log."""
    if not _interactive:
        text = message.strip("\n")
        if text:
            logging.getLogger("fastfit").info("%s", text)
        return
    if line_break:
        message += "\n"
    try:
        sys.stdout.write(message)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        message = message.replace("━", "=")
        sys.stdout.write(message.encode(encoding, errors="replace").decode(encoding))
    sys.stdout.flush()


def is_terminal():
    """Whether standard output can redraw a line: a terminal or a notebook."""
    isatty = getattr(sys.stdout, "isatty", None)
    return bool(isatty and isatty()) or "ipykernel" in sys.modules


def columns():
    """Return how many characters a line of standard output has room for; None if nobody knows."""
    try:
        wanted = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        wanted = 0
    if wanted > 0:
        return wanted
    try:
        found = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, ValueError, OSError):  # a notebook, or an object of the user's
        return None
    return found or 80  # a terminal that has not been told its size
