"""The progress bar against Keras's, with a clock of our own."""

import io
import re
import sys

import keras
import pytest

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
