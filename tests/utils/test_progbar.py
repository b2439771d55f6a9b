"""The progress bar against Keras's, with a clock of our own."""

import io
import re
import sys

import keras
import numpy as np
import pytest

import fastfit
from fastfit.utils import progbar, terminal
from fastfit.utils.progbar import Progbar, format_step_time, format_time, pythonify_logs


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


class Pipe(io.StringIO):
    encoding = "utf-8"


class Clock:
    """A time that only the test moves."""

    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progbar, "time", clock)
    monkeypatch.setattr(sys.modules["keras.src.utils.progbar"], "time", clock)
    return clock


def drive(cls, clock, monkeypatch, target, verbose, steps, seconds, out, **kwargs):
    """What a bar prints during some steps."""
    monkeypatch.setattr(sys, "stdout", out)
    clock.now = 1000.0
    bar = cls(target=target, verbose=verbose, **kwargs)
    for step in range(1, steps + 1):
        clock.now += seconds
        bar.update(step, [("loss", 2.0 / step), ("tiny", 1e-5 * step), ("neg", -0.5)], finalize=False)
    bar.update(steps, [("loss", 0.25), ("tiny", 1e-5), ("neg", -0.5), ("val_loss", 3.0)], finalize=True)
    monkeypatch.undo()
    return out.getvalue()


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize(
    ("target", "steps", "seconds"), [(10, 10, 0.06), (7, 7, 0.0004), (120, 120, 70.0), (None, 4, 0.5), (3, 3, 4000.0)]
)
@pytest.mark.parametrize("kwargs", [{}, {"stateless_metrics": []}, {"stateful_metrics": ["loss"]}], ids=str)
def test_as_keras_on_a_terminal(verbose, target, steps, seconds, kwargs, clock, monkeypatch):
    patch = (clock, monkeypatch, target, verbose, steps, seconds)

    def run(cls):
        monkeypatch.setattr(progbar, "time", clock)
        monkeypatch.setattr(sys.modules["keras.src.utils.progbar"], "time", clock)
        return drive(cls, *patch, Terminal(), **kwargs)

    assert run(Progbar) == run(keras.utils.Progbar)


def test_pipe_gets_one_plain_line(clock, monkeypatch):
    text = drive(Progbar, clock, monkeypatch, 10, 1, 10, 0.1, Pipe(), stateless_metrics=[])
    assert text == (
        "10/10 ━━━━━━━━━━━━━━━━━━━━ 1s 100ms/step - loss: 0.2500 - tiny: 1.0000e-05 - neg: -0.5000 - val_loss: 3.0000\n"
    )


def test_other_encodings_get_equals_signs(clock, monkeypatch):
    class Ascii(io.TextIOWrapper):
        pass

    raw = io.BytesIO()
    out = Ascii(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    Progbar(2, stateless_metrics=[]).update(2, [("loss", 1.0)])
    monkeypatch.undo()
    out.flush()
    assert re.match(r"2/2 ={20} 0s", raw.getvalue().decode("ascii"))


def test_silent(capsys):
    Progbar(2, verbose=0).update(2, [("loss", 1.0)])
    assert capsys.readouterr().out == ""


def test_logging_instead_of_printing(capsys, caplog):
    terminal.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", logger="fastfit"):
            Progbar(2, stateless_metrics=[]).update(2, [("loss", 1.0)])
    finally:
        terminal.enable_interactive_logging()
    assert capsys.readouterr().out == "" and "loss: 1.0000" in caplog.text


def test_arguments():
    with pytest.raises(ValueError, match="Only one of"):
        Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])


def test_times():
    assert [format_time(s) for s in (12.7, 65, 3723)] == ["12s", "1:05", "1:02:03"]
    assert [format_step_time(s, "step") for s in (2, 0, 0.0123, 4.5e-5)] == [
        *(" 2s/step", " 0s/step", " 12ms/step", " 45us/step")
    ]


def test_pythonify_logs():
    logs = pythonify_logs({"b": 1, "a": {"d": "2.5", "c": [1, 2]}})
    assert logs == {"c": [1, 2], "d": 2.5, "b": 1.0} and list(pythonify_logs({"b": 1, "a": 2})) == ["a", "b"]
    assert pythonify_logs(None) == {}


# Updates as (seconds before, step, values, finalize).
RUNS = {
    "steady": [(0.3, i, [("loss", 1.0 / i), ("acc", i * 0.1)], None) for i in range(1, 6)],
    "slow": [*((70.0, i, [("loss", 1e-5 * i)], None) for i in (1, 2, 3)), (4000.0, 5, [("loss", -1e-5)], None)],
    "fast": [(1e-5, i, [("loss", 2.0 * i)], None) for i in range(1, 6)],
    "ended": [(0.3, 1, [("a", 1.0)], False), (0.3, 2, [("a", 3.0)], False), (0.3, 5, [("a", 9.0), ("b", 2.0)], True)],
    "from zero": [(0.3, 0, [], None), (0.2, 1, [("a", np.float32(2))], None), (0.2, 2, None, None)],
    "too far": [(0.3, 4, [("a", 1.0)], None), (0.3, 8, [("a", 2.0)], None)],
    "arrays": [(0.3, 1, [("a", np.array([1.0, 2.0]))], None), (0.3, 5, [("a", np.array([1.0, 2.0]))], None)],
    "shorter": [(0.3, 1, [("quite_a_long_name", 1234567.0)], None), (0.3, 2, [], None), (1.0, 5, [], None)],
}
BARS = [
    {"target": 5},
    {"target": None},
    {"target": -1},
    {"target": 120},
    {"target": 5, "verbose": 2},
    {"target": None, "verbose": 2},
    {"target": 5, "verbose": 0},
    {"target": 5, "width": 30, "unit_name": "sample"},
    {"target": 5, "stateful_metrics": ["loss", "a"]},
    {"target": 5, "interval": 0.5},
]


def printed(cls, run, clock, monkeypatch, out, **kwargs):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        clock.now = 1000.0
        bar = cls(**kwargs)
        for seconds, step, values, finalize in RUNS[run]:
            clock.now += seconds
            bar.update(step, values, finalize=finalize)
    return out.getvalue()


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("kwargs", BARS, ids=str)
def test_every_run_on_a_terminal_and_in_a_file(run, kwargs, clock, monkeypatch):
    theirs = printed(keras.utils.Progbar, run, clock, monkeypatch, Terminal(), **kwargs)
    assert printed(Progbar, run, clock, monkeypatch, Terminal(), **kwargs) == theirs
    # A file gets what a terminal shows in the end: the last state of each line that was finished.
    plain = re.sub("\x1b\\[\\d+m", "", theirs).split("\n")[:-1]
    lines = [line.rpartition("\r")[2].rstrip() for line in plain]
    assert printed(Progbar, run, clock, monkeypatch, Pipe(), **kwargs) == "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("verbose", ["auto", 1, 2, 0])
@pytest.mark.parametrize("epochs", [1, 2])
def test_fit_in_a_file(verbose, epochs, monkeypatch):
    """The text of a whole run is Keras's, without the redrawing and with times left out."""
    texts = []
    for k in (fastfit, keras):
        model = k.Sequential([k.Input((2,)), k.layers.Dense(1)])
        model.set_weights([np.ones((2, 1), "float32"), np.zeros(1, "float32")])
        model.compile("sgd", "mse", metrics=["mae"])
        x = np.arange(20, dtype="float32").reshape(10, 2) / 20
        out = Pipe()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            options = {"batch_size": 3, "shuffle": False, "verbose": verbose}
            model.fit(x, x[:, :1], epochs=epochs, validation_split=0.2, **options)
            model.evaluate(x, x[:, :1], batch_size=3, verbose=verbose)
            model.predict(x, batch_size=3, verbose=verbose)
        text = out.getvalue()
        if k is fastfit:
            assert not set(text) & {"\b", "\r", "\x1b"}
        plain = re.sub("\x1b\\[\\d+m", "", text).split("\n")
        lines = [line.rpartition("\r")[2].rstrip() for line in plain]
        texts.append([re.sub(r"\d+(s|ms|us)\b", "TIME", line) for line in lines])
    assert texts[0] == texts[1]


def test_a_notebook_redraws(clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    text = printed(Progbar, "steady", clock, monkeypatch, Pipe(), target=5)
    assert text == printed(keras.utils.Progbar, "steady", clock, monkeypatch, Terminal(), target=5)
    assert text.count("\r") == 5


def test_values_of_the_caller_stay(clock, monkeypatch):
    value = np.array([1.0, 2.0])
    monkeypatch.setattr(sys, "stdout", Terminal())
    bar = Progbar(None)
    for step in range(1, 4):
        bar.update(step, [("a", value)])
    assert list(value) == [1.0, 2.0]
