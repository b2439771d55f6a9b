"""Set before anything is imported: which fastfit is tested, and how the oracle runs."""

import os
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def order_search_path():
    """Let the tests import the fastfit that is meant.

    `python -m pytest` puts the checkout first in sys.path. That is right for an extension built in place; otherwise
    the checkout would hide the installed package, or the build that PYTHONPATH names, and has no extension itself.
    """
    package = ROOT / "fastfit"
    built = any(package.glob("_core*.so")) or any(package.glob("_core*.pyd"))
    if os.environ.get("PYTHONPATH") or not built:
        rest = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
        # Last, not gone: tests import their helpers from it.
        sys.path[:] = [*rest, str(ROOT)]
    elif str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))


order_search_path()
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
# Nearly all time of the oracle goes into compiling: what is compiled is kept for the next process, and runs once.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / "build" / "jax-cache"))
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
# A process of tests has a core, not the machine: threads that wait for others spin.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import fastfit._core  # noqa: E402  after the path and the variables are set

from fastfit.utils import set_random_seed  # noqa: E402


def pytest_report_header():
    return f"fastfit: {fastfit._core.__file__}, {fastfit._core.Engine().isa}"


def pytest_runtest_setup(item):
    """Weights that a test draws are the same in whatever order the tests run, and in whichever process."""
    seed = zlib.crc32(item.nodeid.encode()) % 2**31
    set_random_seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT
