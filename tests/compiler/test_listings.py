"""What the compiler makes of a few models, instruction by instruction: a refactor leaves these listings as they are."""

import difflib
import json
import subprocess
import sys

import pytest

from tests.compiler import listings
from tests.processes import environment


@pytest.fixture(scope="module")
def found():
    # a process of its own: engine, seeds and the names of layers are settled when it starts
    run = subprocess.run(
        [sys.executable, listings.__file__],
        env=environment(**listings.SETTINGS),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", [build.__name__ for build in listings.MODELS])
def test_listing(name, found):
    kept = (listings.GOLDEN / f"{name}.txt").read_text()
    changes = difflib.unified_diff(kept.splitlines(), found[name].splitlines(), "kept", "now", lineterm="", n=1)
    assert found[name] == kept, "\n".join([*changes, "If so intended: python tests/compiler/listings.py --write"])


def test_no_listing_is_left_over():
    assert {path.stem for path in listings.GOLDEN.iterdir()} == {build.__name__ for build in listings.MODELS}
