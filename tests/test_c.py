"""The C tests, compiled once a session and run one by one."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TESTS = sorted(path.stem for path in (ROOT / "tests" / "c").glob("*.c"))

pytestmark = [
    pytest.mark.skipif(shutil.which("make") is None, reason="no make"),
    pytest.mark.skipif(platform.system() == "Windows", reason="the Makefile is for POSIX compilers"),
    # Under a sanitizer these programs run in the sanitizer's own build, and the preloaded library would slow make.
    pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="run by `make ctest VARIANT=san`"),
]


@pytest.fixture(scope="session")
def built():
    """The folder of the compiled tests."""
    names = [f"build/ctest-plain/{name}" for name in TESTS]
    result = subprocess.run(["make", "-j2", *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-8000:]
    return ROOT / "build" / "ctest-plain"


def test_there_are_c_tests():
    assert TESTS


@pytest.mark.parametrize("name", TESTS)
def test_c(built, name):
    result = subprocess.run([str(built / name)], capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-8000:]
