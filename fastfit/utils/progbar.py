"""The progress bar, and logs as plain Python numbers."""

import math
import sys
import time

import numpy as np

from fastfit.utils.terminal import columns, is_terminal, print_message


def pythonify_logs(logs):
    """Return logs sorted by key, with floats for numbers; nested dicts are merged in."""
    result = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            result.update(pythonify_logs(value))
            continue
        try:
            value = float(value)
        except (TypeError, ValueError):
            pass  # not a number (an array, say): handed on as it is
        result[key] = value
    return result


def format_time(seconds):
    """Return a time left as ``12s``, ``1:05`` or ``1:02:03``."""
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def format_step_time(seconds, unit_name):
    """Return the time of a step as `` 12ms/step``."""
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit_name}"
    if seconds >= 1e-3:
        return f" {seconds * 1e3:.0f}ms/{unit_name}"
    return f" {seconds * 1e6:.0f}us/{unit_name}"


class Progbar:
    """A line that shows how far an epoch is.

    Parameters
    ----------
    target : int or None
        Number of steps; None when unknown.
    width : int, default=20
        Cells of the bar.
    verbose : {1, 0, 2}
        1 redraws a bar, 2 prints one line at the end, 0 nothing.
    interval : float, default=0.05
        Least number of seconds between redraws.
    stateful_metrics, stateless_metrics : iterable of str, optional
        Names whose values are shown as given, or are averaged over the steps (all by default). At most one of the two.
    unit_name : str, default="step"

    Notes
    -----
    Where a line cannot be redrawn (a file, a pipe), only the last state of each epoch is printed, without control
    characters. On a terminal that is too narrow for the line, the bar is shortened, and what is redrawn shows the
    first metrics only. The last state of an epoch has all of them, on as many lines as that takes.
    """

    def __init__(
        self,
        target,
        width=20,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Only one of `stateful_metrics` or `stateless_metrics` can be provided.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._seen_so_far = 0
        self._values = {}
        self._start = time.time()
        self._last_update = 0.0
        self._time_after_first_step = None
        self._drawn_width = 0

    def update(self, current, values=None, finalize=None):
        """Show a step.

        Parameters
        ----------
        current : int
            Number of steps done.
        values : list of (name, value), optional
        finalize : bool, optional
            Whether this is the last update; by default when ``current`` reaches ``target``.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or []:
            self._take(name, value, current, finalize)
        self._seen_so_far = current
        now = time.time()
        step_time = self._step_time(current, now)
        if self.verbose == 1:
            if now - self._last_update < self.interval and not finalize:
                return
            terminal = is_terminal()
            if terminal or finalize:
                self._draw(current, now, step_time, finalize, terminal)
        elif self.verbose == 2 and finalize and self.target is not None and self.target > 0:
            self._print_line(current, now, step_time)
        self._last_update = now

    def add(self, n, values=None):
        """Show ``n`` more steps."""
        self.update(self._seen_so_far + n, values)

    def _take(self, name, value, current, finalize):
        if self.stateless_metrics is not None:
            averaged = name in self.stateless_metrics
        else:
            averaged = name not in (self.stateful_metrics or ())
        if not averaged or finalize or name not in self._values:
            steps = 1 if not averaged or finalize else max(current - self._seen_so_far, 1)
            self._values[name] = [value * steps if steps != 1 else value, steps]
        else:
            steps = max(current - self._seen_so_far, 1)
            self._values[name][0] = self._values[name][0] + value * steps  # not in place: it may be the caller's
            self._values[name][1] += steps

    def _step_time(self, current, now):
        # The first step is left out: it builds and compiles.
        if not current:
            return 0
        if self._time_after_first_step is not None and current > 1:
            seconds = (now - self._time_after_first_step) / (current - 1)
        else:
            seconds = (now - self._start) / current
        if current == 1:
            self._time_after_first_step = now
        return seconds

    def _metrics(self, signed):
        """The text of each metric."""
        texts = []
        for name, (total, count) in self._values.items():
            value = total if isinstance(total, float) else np.mean(total)
            value = value / max(1, count)
            large = value > 1e-3 if signed else abs(value) > 1e-3
            texts.append(f" - {name}: {value:.4f}" if large else f" - {name}: {value:.4e}")
        return texts

    def _draw(self, current, now, step_time, finalize, terminal):
        known = self.target is not None and self.target > 0
        clock = format_time(step_time * (self.target - current)) if known and not finalize else None
        if clock is None:
            clock = f"{now - self._start:.0f}s"
        count = f"{current:{int(math.log10(self.target)) + 1}d}/{self.target}" if known else f"{current:7d}/Unknown"
        metrics, room, cells = self._metrics(signed=False), self._room(terminal), self.width if known else 0
        timing = format_step_time(step_time, self.unit_name)
        if room is not None:
            # a line that is too long would wrap, and the next one be drawn below it
            left = room - len(count) - known - 1 - len(clock) - len(timing)
            needed = sum(map(len, metrics))
            cells = max(min(cells, left - needed if needed <= left or not finalize else left), 0)
            metrics = _wrapped(metrics, left - cells, room) if finalize else _fitting(metrics, left)
        done = int(cells * (current / self.target)) if known else 0
        cell = "━" if _can_print("━") else "="
        parts = [(_BOLD if known else "", count)]
        if cells or (known and not self.width):
            parts += [("", " "), (_GREEN, cell * done), (_GREY, cell * (cells - done))]
        parts += [("", " "), (_BOLD, clock), ("", timing + "".join(metrics))]
        if room is not None and not finalize:
            parts = _cut(parts, room)
        line = "".join(_styled(style, text) if terminal else text for style, text in parts)
        visible = len("".join(text for _, text in parts).partition("\n")[0])
        if terminal:
            first, end, rest = line.partition("\n")
            blanks = " " * max(self._drawn_width - visible, 0)
            line = "\b" * self._drawn_width + "\r" + first + blanks + end + rest
        print_message(line + ("\n" if finalize else ""), line_break=False)
        self._drawn_width = visible

    @staticmethod
    def _room(terminal):
        """How long a line that is redrawn may be; a cursor behind the last column may be in the next line already."""
        width = columns() if terminal else None
        return None if width is None else max(width - 1, 1)

    def _print_line(self, current, now, step_time):
        digits = int(math.log10(self.target)) + 1
        line = f"{current:{digits}d}/{self.target} - {now - self._start:.0f}s -"
        line += format_step_time(step_time, self.unit_name) + "".join(self._metrics(signed=True))
        print_message(line + "\n", line_break=False)


_BOLD, _GREEN, _GREY, _OFF = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


def _styled(style, text):
    if not style or (style == _GREEN and not text):  # as Keras: no green, but grey, where there is nothing of it
        return text
    return f"{style}{text}{_OFF}"


def _fitting(metrics, room):
    """The first metrics, as many as there is room for, and dots where some are left out."""
    if sum(map(len, metrics)) <= room:
        return metrics
    kept = []
    for text in metrics:
        room -= len(text)
        if room < len(_DOTS):
            break
        kept.append(text)
    return [*kept, _DOTS]


def _wrapped(metrics, room, whole):
    """All metrics, with an end of line before each that the rest of a line has no room for."""
    lines = []
    for text in metrics:
        if len(text) > room:
            text, room = f"\n{text}", whole
        room -= len(text)
        lines.append(text)
    return lines


_DOTS = " ..."


def _cut(parts, room):
    """The parts of a line without what is behind the last column."""
    kept = []
    for style, text in parts:
        kept.append((style, text[:room]))
        room -= len(kept[-1][1])
    return kept


def _can_print(character):
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        character.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
