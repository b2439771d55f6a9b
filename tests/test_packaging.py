"""What is built from the checkout: an sdist, a wheel from it, and rebuilds after an edit."""

import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastfit
from tests.processes import environment

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", "*.so", "*.pyd", ".pytest_cache", "results"
)
MAX_WHEEL_BYTES = 3_000_000
MAX_IMPORT_SECONDS = 0.050

needs_build = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("setuptools") is None or find_spec("Cython") is None, reason="needs setuptools and Cython"
    ),
]


def run(arguments, cwd, **env):
    # Without the caller's PYTHONPATH: what is tested is what was built.
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LD_PRELOAD")}
    result = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env={**clean, **env}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-8000:]
    return result.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy without anything built, so that no build touches the checkout."""
    copy = tmp_path_factory.mktemp("checkout") / "fastfit"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    return copy


@pytest.fixture(scope="module")
def sdist(checkout, tmp_path_factory):
    out = tmp_path_factory.mktemp("sdist")
    run(["setup.py", "-q", "sdist", "-d", str(out)], checkout)
    (archive,) = out.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(sdist)], out)
    (archive,) = out.glob("*.whl")
    return archive


class TestBuilt:
    pytestmark = needs_build

    def test_sdist_has_what_a_build_needs(self, sdist):
        with tarfile.open(sdist) as archive:
            names = {name.split("/", 1)[-1] for name in archive.getnames()}
        wanted = {"setup.py", "pyproject.toml", "README.md", "fastfit/_core.pyx", "fastfit/datasets/data/digits.npz"}
        wanted |= {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "csrc").rglob("*")
            if path.suffix in (".c", ".h", ".inc")
        }
        assert wanted <= names, sorted(wanted - names)
        assert not [name for name in names if name.endswith((".so", ".o", ".pyc"))]

    def test_wheel_is_small_and_holds_the_package_only(self, wheel):
        assert wheel.stat().st_size < MAX_WHEEL_BYTES
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
        tops = {name.split("/")[0] for name in names}
        assert {top for top in tops if not top.endswith(".dist-info")} == {"fastfit"}
        assert any(name.startswith("fastfit/_core.") and name.endswith((".so", ".pyd")) for name in names)
        assert {"fastfit/datasets/data/digits.npz", "fastfit/datasets/data/README.txt"} <= set(names)
        assert not [name for name in names if "test" in name.split("/")[1] or "benchmark" in name]
        assert not [name for name in names if name.endswith((".c", ".h", ".inc", ".a", ".o", ".pyx", ".pxi"))]

    def test_wheel_runs(self, wheel, tmp_path):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path / "site")
        code = (
            "import fastfit, fastfit._core\n"
            "from fastfit.datasets import digits\n"
            "assert fastfit.__file__.startswith(SITE), fastfit.__file__\n"
            "print(digits.load_data()[0][0].shape)"
        ).replace("SITE", repr(str(tmp_path)))
        out = run(["-c", code], tmp_path, PYTHONPATH=str(tmp_path / "site"))
        assert out.strip() == "(1500, 8, 8)"

    def test_an_edit_of_an_included_file_rebuilds(self, checkout):
        build = ["setup.py", "-q", "build_ext", "--inplace"]
        run(build, checkout)
        (built,) = (checkout / "fastfit").glob("_core*.so")
        first = built.stat().st_mtime_ns
        run(build, checkout)
        assert built.stat().st_mtime_ns == first, "rebuilt without an edit"
        edited = next((checkout / "csrc" / "kernels").glob("*.inc"))
        objects = {path: path.stat().st_mtime_ns for path in (checkout / "build").rglob("isa_generic*.o")}
        assert objects
        later = first + 2_000_000_000
        os.utime(edited, ns=(later, later))
        run(build, checkout)
        assert built.stat().st_mtime_ns != first
        assert all(path.stat().st_mtime_ns != before for path, before in objects.items())


def test_one_version(root):
    with open(root / "pyproject.toml", "rb") as file:
        assert fastfit.__version__ == tomllib.load(file)["project"]["version"]


@pytest.mark.slow
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a time, under a sanitizer")
def test_import_time_over_numpy(tmp_path):
    # processor time: what else the machine does is not the package's
    code = "import numpy, time; t = time.process_time(); import fastfit; print(time.process_time() - t)"
    env = environment(PYTHONPYCACHEPREFIX=str(tmp_path))
    # With bytecode files, as an installed package has them, whatever this environment says.
    env.pop("PYTHONDONTWRITEBYTECODE", None)

    def seconds():
        out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return float(out.stdout)

    seconds()  # writes the bytecode files
    median = statistics.median(seconds() for _ in range(9))
    assert median < MAX_IMPORT_SECONDS, f"import fastfit takes {median * 1000:.0f} ms"
