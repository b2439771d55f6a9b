"""What programs hold, how much of it is kept, and that models give back all they took."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

from fastfit import Input, Model, callbacks, config, layers, utils
from fastfit.utils.kept import programs as kept
from tests import processes


@pytest.fixture
def bound():
    """Nothing is kept before the test, and the bound is as before after it."""
    gc.collect()
    kept.clear()
    before = config.program_cache()
    yield
    config.set_program_cache(before)


def net(width=64):
    inputs = Input((None, 8))
    model = Model(inputs, layers.Dense(width)(layers.Dense(width, activation="relu")(inputs)))
    model.compile("sgd", "mse")
    return model


def step(model, length, rows=32, width=64):
    model.train_on_batch(np.zeros((rows, length, 8), "f"), np.zeros((rows, length, width), "f"))


def test_a_program_says_how_many_bytes_it_holds():
    model = net()
    step(model, 4)
    (first,) = model._steps.values()
    (small,) = first.compiled._programs
    assert small.nbytes > small.arena().nbytes > 0
    step(model, 64)
    large = list(model._steps.values())[-1].compiled._programs[0]
    grown = large.nbytes - small.nbytes
    assert grown >= large.arena().nbytes - small.arena().nbytes > 0


def test_programs_are_kept_by_last_use_up_to_a_bound(bound):
    model = net()
    for length in range(1, 41):
        step(model, length)
    sizes = {key[1][0].shape[0]: s.compiled.nbytes for key, s in model._steps.items()}
    assert len(sizes) == 40 and kept.nbytes >= sum(sizes.values())
    config.set_program_cache(sum(sizes[n] for n in range(36, 41)))
    assert [key[1][0].shape[0] for key, _ in model._steps.items()] == [36, 37, 38, 39, 40]
    first = dict((key[1][0].shape[0], s) for key, s in model._steps.items())[36]
    step(model, 36)  # used again: the next one drops 37
    step(model, 41)
    left = {key[1][0].shape[0]: s for key, s in model._steps.items()}
    assert left[36] is first and 37 not in left and 41 in left
    config.set_program_cache(0)
    step(model, 7)
    step(model, 8)
    assert [key[1][0].shape[0] for key, _ in model._steps.items()] == [8]  # the one in use stays
    step(model, 7)  # and one that was dropped is made anew
    assert len(kept) == 1


def test_programs_of_all_models_share_the_bound(bound):
    first, second = net(), net()
    step(first, 20)
    config.set_program_cache(first._steps.values()[0].compiled.nbytes + 1000)
    step(second, 20)
    assert (len(first._steps), len(second._steps)) == (0, 1)
    before = first.get_weights()
    step(first, 20)
    assert (len(first._steps), len(second._steps)) == (1, 0)
    assert len(before) == len(first.get_weights())


def test_a_program_that_is_dropped_while_it_runs_goes_on(bound):
    class Other(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            step(other, 8)

    model, other, plain = net(), net(), net()
    plain.set_weights(model.get_weights())
    config.set_program_cache(0)
    x, y = np.ones((64, 3, 8), "f"), np.ones((64, 3, 64), "f")
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[Other()])
    plain.fit(x, y, batch_size=8, epochs=2, verbose=0)
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(model.optimizer.iterations.numpy()) == 16 and int(other.optimizer.iterations.numpy()) == 16
    np.testing.assert_array_equal(model(x[:1]), model.predict(x[:1], verbose=0))


@pytest.mark.parametrize("wrong", [-1, 1.5, "1", None, True])
def test_a_wrong_bound_is_refused(wrong):
    with pytest.raises(ValueError, match=r"`bytes` must be an integer >= 0\. Received: bytes="):
        config.set_program_cache(wrong)


def test_the_bound_is_256_mb_unless_set():
    assert config.program_cache() == 256 * 2**20


def test_clear_session_forgets_all_programs():
    model = net()
    step(model, 3)
    x = np.ones((1, 3, 8), "f")
    before = np.asarray(model(x))
    held = [weakref.ref(p) for s in model._steps.values() for p in s.compiled._made]
    assert held and model._fast is not None and len(kept) > 0
    utils.clear_session()
    assert len(model._steps) == 0 and len(kept) == 0 and model._fast is None
    assert [r() for r in held] == [None] * len(held)
    np.testing.assert_array_equal(model(x), before)
    assert utils.clear_session(free_memory=False) is None and len(model._steps) == 1


def test_a_model_that_is_dropped_is_freed_with_its_programs(bound):
    model = net()
    step(model, 3)
    model(np.ones((1, 3, 8), "f"))
    refs = [weakref.ref(model), *(weakref.ref(p) for s in model._steps.values() for p in s.compiled._made)]
    refs += [weakref.ref(v) for v in (*model.variables, *model.optimizer.variables)]
    assert len(kept) == 2
    del model
    gc.collect()
    assert [r() for r in refs] == [None] * len(refs) and len(kept) == 0


# RSS of a process that does the same again and again -----------------------------------------------------------------

LOOP = """
import sys
import numpy as np
from fastfit import Input, Model, Sequential, layers, ops

def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4 / 1024

class Sub(Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(16, "relu"), layers.Dense(1)

    def call(self, x):
        return self.b(self.a(x))

def stack():
    return Sequential([Input((8,)), layers.Dense(32, "relu"), layers.Dense(1)])

def compiled(model):
    model.compile("adam", lambda y, p: ops.mean(ops.square(y - p), axis=-1), metrics=["mae"])
    return model

x = np.ones((64, 8), "f")
y = x[:, :1]
count = int(sys.argv[2])
model = compiled(stack())
for i in range(count):
    if sys.argv[1] == "models":
        model = compiled((stack, Sub)[i % 2]())
        model(x[:1]), model.predict(x[:4], verbose=0)
    model.fit(x, y, verbose=0)
    if i == count // 10:
        start = rss()
print(rss() - start)
"""


def printed(code, *arguments):
    """What a process that runs `code` prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=processes.environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def growth(what, count):
    """MB that RSS grows by after the first tenth of a loop."""
    return float(printed(LOOP, what, str(count)))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
@pytest.mark.parametrize(("what", "count"), [("models", 150), ("fits", 1000)])
def test_rss_stays_flat(what, count):
    assert growth(what, count) < 5


@linux
@pytest.mark.slow
@pytest.mark.parametrize(("what", "count"), [("models", 1000), ("fits", 10_000)])
def test_rss_stays_flat_for_long(what, count):
    assert growth(what, count) < 5


@linux
@pytest.mark.slow
def test_two_hundred_lengths_stay_under_the_bound():
    assert float(printed(LENGTHS)) < 256


LENGTHS = """
import numpy as np
from fastfit import Input, Model, layers

def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4 / 1024

i = Input((None, 8))
m = Model(i, layers.Dense(256)(layers.Dense(256, activation="relu")(i)))
m.compile("sgd", "mse")
before = most = rss()
for length in range(1, 201):
    m.train_on_batch(np.zeros((32, length, 8), "f"), np.zeros((32, length, 256), "f"))
    most = max(most, rss())
print(most - before)
"""
