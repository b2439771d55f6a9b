"""The scripts in examples/: what they print, and that they print the same kind of lines with Keras in its place."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastfit

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
IMPORT = re.compile(r"^import fastfit$", re.MULTILINE)

# What the scripts print, as label: (least, most). A wide margin: other seeds give other numbers.
RESULTS = {
    "autoencoder": {
        "numbers per image": (12, 12),
        "error of the noisy images": (0.035, 0.045),
        "error of the restored images": (0.005, 0.026),
    },
    "class_imbalance": {
        "unweighted accuracy": (0.95, 1),
        "unweighted recall": (0, 0.35),
        "weighted accuracy": (0.7, 0.95),
        "weighted precision": (0.05, 0.3),
        "weighted recall": (0.6, 1),
        "weighted auc": (0.8, 1),
    },
    "custom_loss_metric": {
        "pinball loss": (0.055, 0.075),
        "coverage": (0.7, 0.9),
        "mean width": (0.7, 1.3),
        "width at 0.05": (0.2, 0.8),
        "width at 0.95": (1, 2),
    },
    "custom_train_step": {
        "plain, test accuracy": (0.85, 1),
        "robust, test accuracy": (0.85, 1),
        "robust, test accuracy under attack": (0.7, 1),
        "gradient norm of the first epoch": (0.1, 10),
        "gradient norm of the last epoch": (0.1, 10),
    },
    "generator_input": {
        "steps per epoch": (46, 46),
        "test accuracy": (0.85, 1),
        "rows predicted from the dataset": (297, 297),
    },
    "learning_rates": {
        "cosine with warm-up, rate after the warm-up": (0.01, 0.01),
        "cosine with warm-up, rate at the end": (0, 1e-4),
        "cosine with warm-up, test accuracy": (0.85, 1),
        "halved every fourth epoch, test accuracy": (0.85, 1),
        "plateau: epochs before it stopped": (7, 60),
        "plateau: last rate": (1e-5, 0.009),
        "plateau: test accuracy": (0.82, 1),
    },
    "mlp_classification": {
        "validation accuracy": (0.9, 1),
        "test loss": (0.1, 0.6),
        "test accuracy": (0.85, 1),
    },
    "multi_input_output": {
        "digit accuracy": (0.85, 1),
        "comparison accuracy": (0.85, 1),
    },
    "reference_mlp": {  # without a seed
        "test accuracy": (0.75, 1),
        "test loss": (0.2, 0.9),
    },
    "regression": {
        "mean absolute error": (0.08, 0.15),
        "root mean squared error": (0.1, 0.2),
        "r2": (0.97, 1),
    },
    "resume_after_kill": {
        "run that is left alone, return code": (0, 0),
        "run that is killed, return code": (-9, -9),
        "run again, return code": (0, 0),
        "largest difference from the run left alone": (0, 0),
    },
    "siamese": {
        "pair accuracy": (0.88, 1),
        "mean distance of the same digit": (0.05, 0.45),
        "mean distance of different digits": (0.8, 1.5),
    },
    "temporal_weights": {
        "error of the real steps": (0, 0.08),
        "the same by hand": (0, 0.08),
        "error with padding": (30, 45),
    },
    "variational_autoencoder": {
        "loss of the first epoch": (0.5, 0.62),
        "loss of the last epoch": (0.34, 0.42),
        "deviation of the codes": (0.5, 1.2),
        "pixel by pixel, mean of drawn images against real ones": (0, 0.05),
    },
}
# Lines with other values than one number.
LINES = {
    "learning_rates": ["halved every fourth epoch: [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025"],
    "multi_input_output": ["outputs: {'digit': (1000, 10), 'right_is_larger': (1000, 1)}", "val_digit_loss, val_loss"],
    "generator_input": ["validated epochs: 10 of 20"],
    "resume_after_kill": ["weights after the kill: none"],
}
# fastfit.gradients has no counterpart in Keras; the reference script imports fastfit's modules one by one.
WITHOUT_KERAS = {"custom_train_step", "reference_mlp"}
WITH_KERAS = sorted(RESULTS.keys() - WITHOUT_KERAS)
# It starts processes of its own, so that it cannot share one with the others.
ALONE = "resume_after_kill"
MOST_EPOCHS = 2

# Runs several scripts in one process: importing JAX costs more than most of them. Few epochs: the form of what is
# printed is compared, not the numbers.
DRIVER = """
import contextlib, io, json, runpy, sys
import keras

fit = keras.Model.fit

def short_fit(*args, epochs=1, **kwargs):
    return fit(*args, epochs=min(epochs, int(sys.argv[1])), **kwargs)

keras.Model.fit = short_fit
printed = {}
for path in sys.argv[2:]:
    keras.utils.clear_session()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(path, run_name="__main__")
    printed[path] = out.getvalue()
print(json.dumps(printed))
"""


def environment():
    """Of scripts: they find the fastfit that is tested, and Keras its backend."""
    found = str(Path(fastfit.__file__).parent.parent)
    # XLA's optimizations take longer than all that these scripts compute
    return {**os.environ, "PYTHONPATH": found, "PYTHONIOENCODING": "utf-8", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def output(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out[-2000:] + err[-4000:]
    return out


def numbers(text):
    """The lines "label: number", and those with the number in a column behind two spaces."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(.+?)(?:: |\s{2,})(-?\d+(?:\.\d+)?(?:e-?\d+)?)", line)
        if match:
            found[match[1]] = float(match[2])
    return found


def form(text):
    """The different lines of a text in their order, with # for numbers, however many; drawings are left out."""
    found = []
    for line in text.splitlines():
        line = re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "#", line)
        line = re.sub(r"#(?:, #)+", "#", re.sub(r"#[mu]?s\b", "#s", line))
        if re.search("[a-z]", line) and line not in found:
            found.append(line)
    return found


@pytest.fixture(scope="module")
def printed():
    """What each script prints, as run once."""
    runs = {}

    def run(name):
        if name not in runs:
            runs[name] = output(start(EXAMPLES / f"{name}.py"))
        return runs[name]

    return run


@pytest.fixture(scope="module")
def printed_by_keras(tmp_path_factory):
    """What the scripts print with `import keras as fastfit`, by name."""
    folder = tmp_path_factory.mktemp("with_keras")
    for name in WITH_KERAS:
        source, count = IMPORT.subn("import keras as fastfit", (EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
        assert count == 1, f"{name}.py must have one line `import fastfit`"
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    (folder / "driver.py").write_text(DRIVER, encoding="utf-8")
    shared = [folder / f"{name}.py" for name in WITH_KERAS if name != ALONE]
    processes = start(folder / "driver.py", MOST_EPOCHS, *shared), start(folder / f"{ALONE}.py")
    texts = json.loads(output(processes[0]).splitlines()[-1])
    return {**{Path(path).stem: text for path, text in texts.items()}, ALONE: output(processes[1])}


def test_every_script_has_results():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == RESULTS.keys()


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_prints_sensible_results(name, printed):
    text = printed(name)
    found = numbers(text)
    for label, (least, most) in RESULTS[name].items():
        assert label in found, text
        assert least <= found[label] <= most, f"{label}: {found[label]}, expected {least} to {most}"
    for line in LINES.get(name, ()):
        assert line in text


def test_results_that_belong_together(printed):
    weighted = numbers(printed("class_imbalance"))
    assert weighted["weighted recall"] > weighted["unweighted recall"] + 0.3
    attacked = numbers(printed("custom_train_step"))
    assert attacked["robust, test accuracy under attack"] > attacked["plain, test accuracy under attack"]
    errors = numbers(printed("temporal_weights"))
    assert errors["error of the real steps"] == pytest.approx(errors["the same by hand"], abs=0.0011)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("keras") is None or find_spec("jax") is None, reason="needs Keras on JAX")
@pytest.mark.parametrize("name", WITH_KERAS)
def test_prints_the_same_lines_with_keras(name, printed, printed_by_keras):
    assert form(printed(name)) == form(printed_by_keras[name])
