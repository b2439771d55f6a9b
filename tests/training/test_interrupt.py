"""Ctrl-C, fork, threads, and the environment variables of the engine."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fastfit import _core, callbacks, layers, metrics, models, ops, optimizers, utils
from tests.conftest import ROOT
from tests.processes import environment
from tests.training import nets


def compiled(make=nets.r64, optimizer="adam", loss="sparse_categorical_crossentropy", **options):
    model = make(**options)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def state(model):
    """All weights and all of the optimizer's variables, as bytes."""
    arrays = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    return [np.asarray(a).tobytes() for a in arrays]


SLEEP = 20  # seconds

# Ctrl-C ------------------------------------------------------------------------------------------------------------


def interrupted(run, after, begun=lambda: True):
    """Whether KeyboardInterrupt comes soon after SIGINT, however busy the machine is.

    That is: for all that computes, with little processor time; for all that sleeps, long before it is over.
    """
    sent, main = [], threading.main_thread().ident
    over = threading.Event()

    def send():
        while not begun() and not over.wait(0.01):
            pass
        if not over.wait(after):
            sent.extend([time.process_time(), time.perf_counter()])
            signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=send)
    # what a shell starts in the background ignores SIGINT
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
        used, end = time.process_time(), time.perf_counter()
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGINT, handler)
    return used - sent[0] < 0.4 and end - sent[1] < SLEEP


class PlainDescent(optimizers.Optimizer):
    """An optimizer in NumPy that takes its time between variables."""

    def __init__(self):
        super().__init__(learning_rate=0.01)

    def update_step(self, gradient, variable, learning_rate):
        variable.assign(variable - gradient * learning_rate)
        time.sleep(0.002)


@pytest.mark.parametrize("hooks", [False, True])
def test_interrupt_leaves_whole_steps(hooks):
    x, y = nets.data(20_000, 784, 10)
    utils.set_random_seed(1)
    model = compiled()
    start = model.get_weights()
    seen = [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if hooks else []
    assert interrupted(
        lambda: model.fit(x, y, batch_size=32, epochs=10_000, shuffle=False, verbose=0, callbacks=seen),
        after=0.3,
        begun=lambda: model.optimizer.iterations.numpy() > 0,
    )
    steps = int(model.optimizer.iterations.numpy())
    assert steps > 0
    # the same number of whole steps, done undisturbed
    again = nets.r64()
    again.set_weights(start)
    again.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    per_epoch = -(-len(x) // 32)
    if steps >= per_epoch:
        again.fit(x, y, batch_size=32, epochs=steps // per_epoch, shuffle=False, verbose=0)
    if steps % per_epoch:
        again.fit(x, y, batch_size=32, steps_per_epoch=steps % per_epoch, shuffle=False, verbose=0)
    assert state(again) == state(model)
    # and the model goes on
    model.fit(x[:64], y[:64], verbose=0)
    assert np.isfinite(model.predict(x[:3], verbose=0)).all()


def test_interrupt_during_an_optimizer_in_python():
    """Each step spends nearly all of its time between the updates of single variables."""
    x, y = nets.data(256, 12, 3)
    utils.set_random_seed(1)
    model = compiled(optimizer=PlainDescent(), features=12, classes=3)
    start = model.get_weights()
    for after in (0.35, 0.413):
        assert interrupted(lambda: model.fit(x, y, epochs=10_000, shuffle=False, verbose=0), after)
        steps = int(model.optimizer.iterations.numpy())
        again = compiled(optimizer=PlainDescent(), features=12, classes=3)
        again.set_weights(start)
        for _ in range(steps // 8):
            again.fit(x, y, shuffle=False, verbose=0)
        if steps % 8:
            again.fit(x, y, batch_size=32, steps_per_epoch=steps % 8, shuffle=False, verbose=0)
        assert state(again) == state(model)
        model.optimizer.iterations.assign(0)
        start = model.get_weights()


def test_interrupt_in_a_callback():
    model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    before = state(model)

    class Sleeps(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            time.sleep(SLEEP)

    assert interrupted(lambda: model.fit(np.ones((64, 3)), np.ones((64, 1)), verbose=0, callbacks=[Sleeps()]), 0.3)
    assert state(model) == before


def test_interrupt_of_predict():
    model = models.Sequential([layers.Input((1024,)), *[layers.Dense(1024, activation="relu") for _ in range(4)]])
    x = np.ones((16_384, 1024), "float32")
    model.predict(x[:4], verbose=0)
    assert interrupted(lambda: [model.predict(x, verbose=0) for _ in range(1000)], 0.3)


# Fork --------------------------------------------------------------------------------------------------------------

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def in_child(work, seconds=120):
    """Run work() in a forked child; its exit code, or None if it did not end in time."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


FORK = """
import sys
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
import numpy as np
from fastfit import callbacks
from tests.training import nets
from tests.training.test_interrupt import compiled, in_child, state

x, y = nets.data(512, 784, 10)
model = compiled()
if sys.argv[1] == "trained":
    model._run_options = {"force_threads": int(sys.argv[2])}
    model.fit(x, y, batch_size=64, epochs=2, verbose=0)
wanted = model.predict(x, verbose=0)

def predicts():
    return np.isfinite(model.predict(x, verbose=0)).all()

def work():
    if model.predict(x, verbose=0).tobytes() != wanted.tobytes():
        return False
    before = state(model)
    model.fit(x, y, batch_size=64, epochs=2, verbose=0)
    other = compiled()
    other.fit(x, y, batch_size=64, verbose=0)
    return state(model) != before

codes = []
if sys.argv[1] == "callback":
    forks = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: codes.append(in_child(predicts)))
    model.fit(x, y, epochs=1, verbose=0, callbacks=[forks])
    sys.exit(0 if codes == [0] else str(codes))
codes = [in_child(work), in_child(lambda: in_child(work, 60) == 0)]
# the parent goes on, too
codes.append(0 if model.predict(x, verbose=0).tobytes() == wanted.tobytes() and work() else 3)
sys.exit(0 if codes == [0, 0, 0] else str(codes))
"""


def python(*args, seconds=300, **environ):
    command, env = [sys.executable, "-c", *args], environment(**environ)
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


@forks
@pytest.mark.parametrize(("kind", "threads"), [("trained", "2"), ("trained", "8"), ("idle", "2"), ("callback", "2")])
def test_fork(kind, threads):
    done = python(FORK, kind, threads, FASTFIT_NUM_THREADS=threads)
    assert done.returncode == 0, done.stderr


# Threads -----------------------------------------------------------------------------------------------------------


def in_threads(*functions):
    """Run functions at the same time; their results. An exception is a result."""
    results = [None] * len(functions)
    barrier = threading.Barrier(len(functions))

    def call(i):
        barrier.wait()
        try:
            results[i] = functions[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(functions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    return results


@pytest.mark.parametrize("method", ["predict", "predict_on_batch", "call"])
@pytest.mark.parametrize("make", [nets.r64, nets.with_dropout])
def test_threads_that_predict_get_right_answers(make, method):
    features = 784 if make is nets.r64 else 40
    x = nets.data(1200, features, 4)[0]
    parts = [x[k * 200 : (k + 1) * 200] for k in range(6)]
    for rows in (200, 1):
        model, alone = make(), make()
        alone.set_weights(model.get_weights())
        call = {
            "predict": lambda m, a: m.predict(a, verbose=0),
            "predict_on_batch": lambda m, a: m.predict_on_batch(a),
            "call": lambda m, a: m(a),
        }[method]
        wanted = [call(alone, part[:rows]).tobytes() for part in parts]

        def many(i, model=model, rows=rows, wanted=wanted, call=call):
            return all(call(model, parts[i][:rows]).tobytes() == wanted[i] for _ in range(60))

        assert in_threads(*[lambda i=i: many(i) for i in range(6)]) == [True] * 6


def test_first_calls_at_the_same_time_share_the_weights():
    """Two threads that compile at once: both see what training does later."""
    x, y = nets.data(64, 784, 10)
    for _ in range(5):
        model = compiled()
        in_threads(*[lambda n=n, m=model: m.predict(x[:n], verbose=0) for n in (1, 5, 20, 60)])
        model.fit(x, y, verbose=0)
        fresh = nets.r64()
        fresh.set_weights(model.get_weights())
        for n in (1, 5, 20, 60):
            np.testing.assert_array_equal(model.predict(x[:n], verbose=0), fresh.predict(x[:n], verbose=0))


def test_training_one_model_from_two_threads_raises():
    x, y = nets.data(2000, 784, 10)
    model = compiled()
    model.fit(x[:32], y[:32], verbose=0)
    running, stop = threading.Event(), threading.Event()

    class Holds(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            running.set()
            stop.wait(20)

    thread = threading.Thread(target=lambda: model.fit(x, y, verbose=0, callbacks=[Holds()]))
    thread.start()
    try:
        assert running.wait(20)
        before = state(model)
        for call in (
            lambda: model.fit(x, y, verbose=0),
            lambda: model.train_on_batch(x, y),
            lambda: model.evaluate(x, y, verbose=0),
            lambda: model.test_on_batch(x, y),
            lambda: model.compile("sgd", "mse"),
        ):
            with pytest.raises(RuntimeError, match="being trained or evaluated already, by another thread"):
                call()
        assert state(model) == before
        assert model.predict(x[:5], verbose=0).shape == (5, 10)
    finally:
        stop.set()
        thread.join()
    model.fit(x, y, verbose=0)  # free again


def test_predicting_while_another_thread_trains():
    x, y = nets.data(4000, 784, 10)
    model = compiled()

    def predict():
        return all(
            np.allclose(model.predict(x[:50], verbose=0).sum(-1), 1, atol=1e-5)
            and np.allclose(model(x[:1]).sum(-1), 1, atol=1e-5)
            for _ in range(100)
        )

    trained, right = in_threads(lambda: model.fit(x, y, epochs=3, verbose=0), predict)
    assert right is True and len(trained.epoch) == 3


def test_two_models_in_two_threads():
    x, y = nets.data(512, 784, 10)
    start = nets.r64().get_weights()

    def train():
        model = nets.r64()
        model.set_weights(start)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=4, shuffle=False, verbose=0)
        return [w.tobytes() for w in model.get_weights()]

    assert in_threads(train, train) == [train()] * 2


def test_models_that_are_traced_at_the_same_time_keep_their_losses():
    """Threads that predict for the first time do not disturb the tracing of a training step."""
    x, y = np.ones((8, 4), "float32"), np.zeros((8, 1), "float32")

    def value():
        model = models.Sequential(
            [layers.Input((4,)), layers.Dense(1, kernel_regularizer="l2", kernel_initializer="ones")]
        )
        model.compile("sgd", "mse")
        loss, *_ = in_threads(
            lambda: model.test_on_batch(x, y), *[lambda n=n: model.predict(x[:n], verbose=0) for n in (1, 2, 4)]
        )
        return loss

    assert [value() for _ in range(10)] == pytest.approx([16 + 0.01 * 4] * 10, rel=1e-5)


def test_calls_from_callbacks():
    x, y = nets.data(64, 20, 4)
    model = compiled(features=20, classes=4)
    seen, errors = [], []

    class Calls(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.predict(x, verbose=0))
            assert np.array_equal(seen[-1][:1], self.model(x[:1]))

        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.evaluate(x, y, verbose=0, return_dict=True)["loss"])
            self.model.test_on_batch(x, y)
            for call in (lambda: self.model.fit(x, y), lambda: self.model.compile("sgd", "mse")):
                try:
                    call()
                except RuntimeError as error:
                    errors.append(str(error))

    history = model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0, callbacks=[Calls()])
    assert len(seen) == 6 and not np.array_equal(seen[0], seen[1])
    assert len(errors) == 4 and "this one is made from" in errors[0]
    assert seen[5] < history.history["loss"][1] < history.history["loss"][0]


def test_a_callback_that_moves_weights_into_panels():
    """Training goes on with the memory that the variable has now, not with what it had."""

    class Scale(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], 3), initializer="ones")

        def call(self, x):
            return ops.sum(ops.expand_dims(x, -1) * self.w, axis=1)

    def train(move):
        scale = Scale()
        model = models.Sequential([layers.Input((4,)), scale])
        model.compile(optimizers.SGD(0.1), "mse", metrics=[metrics.MeanMetricWrapper(lambda t, p: p)])
        inputs = layers.Input((4,))
        other = models.Model(inputs, layers.Lambda(lambda x: ops.matmul(x, scale.w))(inputs))

        class Moves(callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                if move and batch == 1:
                    other.predict(x, verbose=0)

        model.fit(x, np.zeros((8, 3)), batch_size=2, shuffle=False, verbose=0, callbacks=[Moves()])
        return scale.w.numpy()

    x = np.random.default_rng(0).standard_normal((8, 4)).astype("float32")
    np.testing.assert_allclose(train(True), train(False), rtol=1e-6)


# The engine's environment ------------------------------------------------------------------------------------------

WEIGHTS = """
import hashlib
import numpy as np
from fastfit import utils
from fastfit.graph import storage
from tests.training import nets

for make, features, classes in ((nets.r64, 784, 10), (nets.with_dropout, 40, 5)):
    utils.set_random_seed(3)
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model._run_options = {"force_threads": storage.engine().threads}
    x, y = nets.data(37 * 4 + 9, features, classes)
    model.fit(x, y, batch_size=37, epochs=3, verbose=0)
    print(storage.engine().isa, hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


def available():
    """The instruction sets of this machine."""
    found = []
    for isa in ("generic", "avx2", "avx512", "neon"):
        try:
            found.append(_core.Engine(isa).isa)
        except ValueError:
            pass
    return found


@pytest.mark.parametrize("isa", available())
def test_same_bytes_for_every_number_of_threads(isa):
    outputs = set()
    for threads in ("1", "2", "3", "8"):
        done = python(WEIGHTS, FASTFIT_ISA=isa, FASTFIT_NUM_THREADS=threads)
        assert done.returncode == 0, done.stderr
        assert all(line.startswith(isa) for line in done.stdout.splitlines())
        outputs.add(done.stdout)
    assert len(outputs) == 1 and len(outputs.pop().splitlines()) == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FASTFIT_ISA", "sse9"),
        ("FASTFIT_NUM_THREADS", "many"),
        ("FASTFIT_NUM_THREADS", "0"),
        ("FASTFIT_NUM_THREADS", "-2"),
        ("FASTFIT_NUM_THREADS", "1.5"),
    ],
)
def test_unknown_environment(variable, value):
    done = python("from fastfit import layers; layers.Dense(2).build((None, 3))", **{variable: value})
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError:") and value in last
    assert variable in last


def test_more_threads_than_there_can_be():
    done = python("from fastfit.graph import storage; print(storage.engine().threads)", FASTFIT_NUM_THREADS="100000")
    assert done.returncode == 0 and int(done.stdout) >= 8
