"""The fuzzer of files runs, finds nothing in a few files, and finds what is planted."""

import subprocess
import sys

from tests import processes

PLANTED = """if True:
    import os, sys, tempfile, time
    import fastfit
    from tests.fuzz import files

    files.SECONDS = 0.3
    with tempfile.TemporaryDirectory() as folder:
        base = files.base_files(folder)
    cases = [case for case in map(files.make_case, range(100)) if case["load"] == "load_model"][:3]
    weights = next(case for case in map(files.make_case, range(100)) if case["load"] == "load_weights")

    def error(*args):
        return {}["x"]

    def code(*args):
        exec("1")

    def write(*args):
        open("/fuzzed", "ab")

    def write_beside(path):
        os.mkdir(path + ".more")

    def refuse_late(path, **options):
        model.trainable_variables[0].assign(model.trainable_variables[0] + 1)
        raise ValueError("damaged")

    good = fastfit.models.load_model
    for load in (error, code, write, write_beside, lambda path: os.abort(), lambda path: time.sleep(60)):
        fastfit.models.load_model = load
        print(*files.in_child(base, cases))
        sys.stdout.flush()
    fastfit.models.load_model = good
    known = files.Runner.__init__

    def plant(runner, *args):
        global model
        known(runner, *args)
        model = runner.models[weights["model"]]
        model.__dict__["load_weights"] = refuse_late

    files.Runner.__init__ = plant
    print(*files.in_child(base, [weights]))
"""
FOUND = (
    "KeyError: 'x'", "not allowed while loading: compile", "not allowed while loading: open", "written: [",
    "crashed: SIGABRT", "not done after", "weights have changed although the file was refused",
)  # fmt: skip


def run(*arguments):
    done = subprocess.run(
        [sys.executable, *arguments], env=processes.environment(), capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def test_a_few_files():
    code, text = run("-m", "tests.fuzz.files", "--seed", "0", "--count", "150")
    assert code == 0 and "150 files" in text and " 0 failed" in text, text


def test_what_is_planted_is_found():
    code, text = run("-c", PLANTED)
    assert code == 0, text
    for found in FOUND:
        assert found in text, (found, text)
