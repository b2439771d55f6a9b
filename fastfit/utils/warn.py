"""Warnings that point at the user's code."""

import os
import sys
import warnings

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_frame():
    """Return (number of frames up from the caller, frame) of the innermost code outside of this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level, frame


def warn_user(message, category=UserWarning):
    """Warn, with the line of the user's code that led here."""
    level, _ = user_frame()
    warnings.warn(message, category, stacklevel=level)
