"""Windows of signals, by the names and definitions of ``scipy.signal.windows``."""

import numpy as np


def _cosines(*weights):
    """Return the window that is a sum of cosines with these weights."""

    def window(n, size):
        angle = np.linspace(-np.pi, np.pi, size)
        return sum(a * np.cos(k * angle) for k, a in enumerate(weights))

    return window


def _triang(n, size):
    return 1 - np.abs(n - (size - 1) / 2) / ((size + size % 2) / 2)


def _parzen(n, size):
    centred = np.abs(n - (size - 1) / 2)
    t = centred / (size / 2)
    return np.where(centred <= (size - 1) / 4, 1 - 6 * t**2 + 6 * t**3, 2 * (1 - t) ** 3)


def _bohman(n, size):
    t = np.abs(np.linspace(-1, 1, size))
    window = (1 - t) * np.cos(np.pi * t) + np.sin(np.pi * t) / np.pi
    window[[0, -1]] = 0.0
    return window


def _barthann(n, size):
    t = np.abs(n / (size - 1) - 0.5)
    return 0.62 - 0.48 * t + 0.38 * np.cos(2 * np.pi * t)


def _tukey(n, size, alpha=0.5):
    # The tapers reach as many whole points as they are wide.
    width = int(alpha * (size - 1) / 2)
    t = np.minimum(n, size - 1 - n)
    return np.where(t <= width, 0.5 * (1 + np.cos(np.pi * (2 * t / alpha / (size - 1) - 1))), 1.0)


def _taylor(n, size, nearly=4, level=30):
    a = np.arccosh(10 ** (level / 20)) / np.pi
    spread = nearly**2 / (a**2 + (nearly - 0.5) ** 2)
    m = np.arange(1, nearly)
    factors = []
    for k in m:
        others = m[m != k]
        above = (-1) ** (k + 1) * np.prod(1 - k**2 / spread / (a**2 + (m - 0.5) ** 2))
        factors.append(above / (2 * np.prod(1 - k**2 / others**2)))

    def value(x):
        return 1 + 2 * np.dot(factors, np.cos(2 * np.pi * m[:, None] * (np.atleast_1d(x) - size / 2 + 0.5) / size))

    return value(n) / value((size - 1) / 2)


# Names, and each window as a function of the points and their number (two or more).
_TABLE = (
    ("boxcar box ones rect rectangular", lambda n, size: np.ones(size)),
    ("triang triangle tri", _triang),
    ("parzen parz par", _parzen),
    ("bohman bman bmn", _bohman),
    ("hann han", _cosines(0.5, 0.5)),
    ("hamming hamm ham", _cosines(0.54, 0.46)),
    ("blackman black blk", _cosines(0.42, 0.5, 0.08)),
    ("nuttall nutl nut", _cosines(0.3635819, 0.4891775, 0.1365995, 0.0106411)),
    ("blackmanharris blackharr bkh", _cosines(0.35875, 0.48829, 0.14128, 0.01168)),
    ("flattop flat flt", _cosines(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368)),
    ("bartlett bart brt", lambda n, size: 1 - np.abs(2 * n / (size - 1) - 1)),
    ("barthann brthan bth", _barthann),
    ("cosine halfcosine", lambda n, size: np.sin(np.pi / size * (n + 0.5))),
    ("exponential poisson", lambda n, size: np.exp(-np.abs(n - (size - 1) / 2))),
    ("tukey tuk", _tukey),
    ("taylor taylorwin", _taylor),
    ("lanczos sinc", lambda n, size: np.sinc(2 * n / (size - 1) - 1)),
)
WINDOWS = {name: window for names, window in _TABLE for name in names.split()}


def make_window(name, size, periodic=False):
    """Return a window as float64.

    Parameters
    ----------
    name : str
        A window that needs no parameter.
    size : int
        Number of points.
    periodic : bool, default=False
        Leave out the last of ``size + 1`` points, which repeats the first.
    """
    if name not in WINDOWS:
        raise ValueError(f"Unknown window type: {name!r}. Expected one of {sorted(WINDOWS)}")
    points = size + bool(periodic)
    if size <= 1:
        return np.ones(size)
    return WINDOWS[name](np.arange(points, dtype=np.float64), points)[:size]
