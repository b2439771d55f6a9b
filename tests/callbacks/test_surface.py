"""Names and arguments of ``keras.callbacks``, and what CallbackList does with the hooks."""

import keras
import pytest

from fastfit import callbacks

LEFT_OUT = {"OrbaxCheckpoint"}  # its format is JAX's
NAMES = sorted(name for name in dir(keras.callbacks) if not name.startswith("_") and name not in LEFT_OUT)


@pytest.mark.parametrize("name", NAMES)
def test_public_methods_are_those_of_keras(name):
    ours, theirs = getattr(callbacks, name), getattr(keras.callbacks, name)
    public = {n for n in dir(theirs) if not n.startswith("_") and callable(getattr(theirs, n))}
    assert public - set(dir(ours)) == set()


HOOKS = [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")]


@pytest.mark.parametrize("hook", HOOKS)
def test_callback_list_calls_the_hooks_that_keras_calls(hook):
    """All callbacks in order, with the same dict, and the same second hook where one leads to another."""
    calls = []
    for k in (callbacks, keras.callbacks):
        seen = []

        def make(label, k=k, seen=seen):
            def method(name):
                def call(self, *args, logs=None):
                    if logs is None and args and (args[-1] is None or isinstance(args[-1], dict)):
                        args, logs = args[:-1], args[-1]
                    seen.append((label, name, args, None if logs is None else dict(logs)))
                    if logs is not None and label == "a":
                        logs["added"] = 1.0
                    base = getattr(k.Callback, name)
                    base(self, *args, logs)

                return call

            return type("Spy", (k.Callback,), {name: method(name) for name in HOOKS})()

        both = k.CallbackList([make("a"), make("b")])
        logs = {"loss": 2.0}
        args = () if hook.endswith(("train_begin", "train_end", "test_begin", "test_end")) else (3,)
        args = () if hook in ("on_predict_begin", "on_predict_end") else args
        if hook in ("on_train_end", "on_test_end", "on_predict_end"):
            getattr(both, hook.replace("end", "begin"))()  # Keras insists
            seen.clear()
        getattr(both, hook)(*args, logs)
        calls.append(seen)
    assert calls[0] == calls[1] and calls[0]


def test_callback_list_of_one_callback_and_what_it_adds():
    for k in (callbacks, keras.callbacks):
        one = k.LambdaCallback()
        both = k.CallbackList(one, add_history=True, add_progbar=True, epochs=3, verbose=0, steps=2)
        assert [type(c).__name__ for c in both.callbacks] == ["LambdaCallback", "History", "ProgbarLogger"]
        assert one.params == {"epochs": 3, "verbose": 0, "steps": 2}
        mine = [k.History(), k.ProgbarLogger()]
        given = k.CallbackList(mine, add_history=True, add_progbar=True, verbose=0, epochs=1, steps=1)
        assert given.callbacks == mine


def test_a_backup_comes_after_all_others(tmp_path):
    order = []

    class Spy(callbacks.BackupAndRestore):
        def on_epoch_end(self, epoch, logs=None):
            order.append("backup")

    class Other(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            order.append("other")

    both = callbacks.CallbackList([Spy(tmp_path), Other()])
    both.append(Other())
    both.on_epoch_end(0, {})
    assert order == ["other", "other", "backup"]
    assert isinstance(both.callbacks[0], Spy)  # where the user put it
