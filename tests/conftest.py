"""Set before anything is imported: which fastfit is tested, and how the oracle runs."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# `python -m pytest` puts the checkout first in sys.path. Without an extension built in place it would
# hide the installed package and could not be imported.
if not any((ROOT / "fastfit").glob("_core*.so")) and not any((ROOT / "fastfit").glob("_core*.pyd")):
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT
