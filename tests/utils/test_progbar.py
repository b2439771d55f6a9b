"""The progress bar against Keras's, with a clock of our own."""

import io
import os
import re
import select
import struct
import sys
import warnings

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


@pytest.fixture(autouse=True)
def no_width(monkeypatch):
    """Nobody says how wide the terminal is."""
    monkeypatch.delenv("COLUMNS", raising=False)


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
        print(out.getvalue())
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


# Narrow terminals ---------------------------------------------------------------------------------------------------


class Screen:
    """What a terminal of so many columns shows."""

    def __init__(self, columns):
        self.columns, self.rows, self.at = columns, [""], 0

    def write(self, text):
        """Take characters, as a terminal does: those behind the last column begin another row."""
        for c in re.sub("\x1b\\[\\d+m", "", text):
            if c == "\b":
                self.at = max(self.at - 1, 0)
            elif c == "\r":
                self.at = 0
            elif c == "\n":
                self.rows.append("")
                self.at = 0
            else:
                if self.at == self.columns:
                    self.rows.append("")
                    self.at = 0
                self.rows[-1] = self.rows[-1][: self.at].ljust(self.at) + c + self.rows[-1][self.at + 1 :]
                self.at += 1


def shown(columns, target, values, monkeypatch, clock):
    """The rows of a screen after each update, and after the last one."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    clock.now = 1000.0
    bar, screen, during = Progbar(target, stateless_metrics=()), Screen(columns), []
    for step in range(1, 8):
        clock.now += 0.5 * step
        bar.update(step, values[:2], finalize=False)
        screen.write(out.getvalue())
        out.seek(0), out.truncate()
        during.append([row.rstrip() for row in screen.rows])
    bar.target = 7
    bar.update(7, values, finalize=True)
    screen.write(out.getvalue())
    return during, [row.rstrip() for row in screen.rows]


VALUES = [("accuracy", 0.91), ("loss", 0.25), ("val_accuracy", 0.875), ("val_loss", 1e-5)]


@pytest.mark.parametrize("target", (7, None))
@pytest.mark.parametrize("columns", [*range(1, 130, 3), 40, 80, 132])
def test_stays_on_one_line(columns, target, clock, monkeypatch):
    during, end = shown(columns, target, VALUES, monkeypatch, clock)
    assert all(len(rows) == 1 for rows in during)
    assert len({rows[0] for rows in during}) > 1 or columns < 8
    text = "".join(end)
    if columns >= 24:  # nothing of the last state is lost, or broken
        assert all(any(f"{name}: {value:.4f}" in row or f"{name}: {value:.4e}" in row for row in end)
                   for name, value in VALUES)  # fmt: skip
        assert text.count("7/7") == 1 and text.count("loss") == 2


def test_what_is_left_of_a_line(clock, monkeypatch):
    during, end = shown(80, 7, VALUES, monkeypatch, clock)
    assert during[-1] == ["7/7 ━━━━━━━━━━━━━━━━━━━━ 0s 2s/step - accuracy: 0.9100 - loss: 0.2500"]
    assert end == [
        "7/7 ━━━━━━━━━━━━━━━━━━━━ 14s 2s/step - accuracy: 0.9100 - loss: 0.2500",
        " - val_accuracy: 0.8750 - val_loss: 1.0000e-05",
        "",
    ]
    for columns, row in (
        (60, "7/7 ━━━━━━━━━━ 0s 2s/step - accuracy: 0.9100 - loss: 0.2500"),
        (42, "7/7 0s 2s/step - accuracy: 0.9100 ..."),
        (20, "7/7 0s 2s/step ..."),
    ):
        assert shown(columns, 7, VALUES, monkeypatch, clock)[0][-1] == [row]


@pytest.mark.parametrize("columns", (30, 80))
def test_a_terminal_s_own_width(columns, clock, monkeypatch):
    pty = pytest.importorskip("pty")
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(theirs, "w", encoding="utf-8") as out:
        monkeypatch.setattr(sys, "stdout", out)
        bar = Progbar(10, stateless_metrics=())
        for step in (1, 2, 3):
            clock.now += 1
            bar.update(step, [("accuracy", 0.5), ("a_rather_long_name_of_a_metric", 0.25)], finalize=False)
        monkeypatch.undo()
        data = b""
        while select.select([ours], [], [], 5.0 if data.count(b"\r") < 3 else 0.1)[0]:  # it may come in parts
            data += os.read(ours, 10_000)
        text = data.decode()
    screen = Screen(columns)
    screen.write(text)
    assert len(screen.rows) == 1 and text.count("\r") == 3
    assert len(screen.rows[0].rstrip()) > columns / 2


# Data of unknown length ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hooks", (False, True))
@pytest.mark.parametrize("verbose", (1, 2))
def test_generators(verbose, hooks, monkeypatch):
    """A line for each epoch, evaluation and prediction, though nobody knew how many batches come."""
    x = np.arange(20, dtype="float32").reshape(10, 2) / 20
    model = fastfit.Sequential([fastfit.Input((2,)), fastfit.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    names = ("on_train_batch_end", "on_test_batch_end", "on_predict_batch_end")
    mine = {name: lambda self, batch, logs=None: None for name in names}
    callbacks = [type("Hooks", (fastfit.callbacks.Callback,), mine)()] if hooks else []
    options = {"verbose": verbose, "callbacks": callbacks}

    def batches():
        return ((x[i : i + 4], x[i : i + 4, :1]) for i in (0, 4, 8))

    def endless():
        while True:
            yield x[:5], x[:5, :1]

    out = Pipe()
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(sys, "stdout", out)
        model.fit(batches(), **options)
        model.fit(batches(), validation_data=batches(), **options)
        model.fit(endless(), steps_per_epoch=3, epochs=2, validation_data=endless(), validation_steps=2, **options)
        model.evaluate(batches(), **options)
        model.evaluate(endless(), steps=2, **options)
        model.predict(batches(), **options)
        model.predict(endless(), steps=2, **options)
    found = re.sub(r"\d+(s|ms|us)\b", "TIME", re.sub(r": \d\.\d{4}(e-\d\d)?", "", out.getvalue())).splitlines()
    start, own, val = {1: " ━━━━━━━━━━━━━━━━━━━━ TIME TIME/step", 2: " - TIME - TIME/step"}[verbose], *(
        " - loss - mae",
        " - val_loss - val_mae",
    )
    assert found == [
        *(f"3/3{start}{own}", f"3/3{start}{own}{val}"),
        *("Epoch 1/2", f"3/3{start}{own}{val}", "Epoch 2/2", f"3/3{start}{own}{val}"),
        *(f"3/3{start}{own}", f"2/2{start}{own}", f"3/3{start}", f"2/2{start}"),
    ]


def test_a_dataset_that_grows_is_counted(monkeypatch):
    class Growing(fastfit.utils.PyDataset):
        n = 2

        def __len__(self):
            return self.n

        def __getitem__(self, index):
            return np.ones((2, 2), "float32"), np.ones((2, 1), "float32")

        def on_epoch_end(self):
            self.n += 1

    model = fastfit.Sequential([fastfit.Input((2,)), fastfit.layers.Dense(1)])
    model.compile("sgd", "mse")
    out = Pipe()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        model.fit(Growing(), epochs=3, verbose=2)
    assert re.findall(r"^\d/\d", out.getvalue(), re.M) == ["2/2", "3/3", "4/4"]
