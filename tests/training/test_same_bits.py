"""Training gives the same bits for any number of threads; a row predicts the same bits alone and in a batch."""

import pytest

from fastfit import ops, random, utils
from tests.training import nets

NETS = {
    "r64": (nets.r64, 784, 10, 33),
    "dropout": (nets.with_dropout, 40, 5, 37),
    "wide": (lambda: nets.r64(256, 7), 256, 7, 301),
    "families": (lambda: nets.r64(96, 6), 96, 6, 517),
}


def families(y, p):
    """A loss that chooses, moves, looks up, multiplies and reduces over rows, batches and both."""
    hot = ops.one_hot(ops.cast(ops.reshape(y, (-1,)), "int32"), 6)
    pairs = ops.expand_dims(p, 2) - ops.expand_dims(p, 1)
    smooth = ops.abs(p[:, 1:] - ops.flip(p, 1)[:, :-1])
    centred = p - ops.max(p, axis=0) + ops.mean(p, axis=0) - ops.var(p)
    products = ops.einsum("bij,bj->bi", pairs, hot)
    flat = ops.mean(ops.square(ops.reshape(p, (-1,))))
    away = ops.where(ops.argmax(p, axis=-1) == ops.argmax(hot, axis=-1), 0.5, 1.5)
    own = ops.squeeze(ops.take_along_axis(p, ops.cast(ops.reshape(y, (-1, 1)), "int32"), axis=1), 1)
    rows = ops.sum(hot * -ops.log(ops.clip(p, 1e-6, 1.0)), axis=-1) * away - ops.power(own, 1.5)
    noise = random.normal(ops.shape(p)) + random.uniform(ops.shape(p))
    products = products + ops.mean(ops.sort(p + 0.1 * noise, axis=-1)[:, :2] * noise[:, :2], axis=-1, keepdims=True)
    return rows + ops.mean(products**2, axis=-1) + ops.sum(smooth, axis=-1) + ops.mean(centred**2, axis=-1) + flat


def trained(name, **options):
    make, features, classes, batch = NETS[name]
    utils.set_random_seed(5)
    model = make()
    loss = families if name == "families" else "sparse_categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model._run_options = options
    x, y = nets.data(6 * batch + 11, features, classes)
    history = model.fit(x, y, batch_size=batch, epochs=3, verbose=0)
    return model, history


def same(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", NETS)
def test_any_number_of_threads(name):
    first, history = trained(name, force_threads=1)
    for threads in (2, 3, 8):
        # an engine has as many threads as cores; the C tests go up to 8 on any machine
        model, again = trained(name, force_threads=threads)
        assert same(first.get_weights(), model.get_weights())
        assert history.history == again.history


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("shift", [1, 2, 3])
def test_tiles_with_other_owners(name, shift):
    first, _ = trained(name, force_threads=1)
    model, _ = trained(name, force_threads=2, home_shift=shift)
    assert same(first.get_weights(), model.get_weights())


def test_another_seed_gives_other_bits():
    """The tests above can fail."""
    first, _ = trained("dropout")
    utils.set_random_seed(6)
    model = nets.with_dropout()
    assert not same(first.get_weights(), model.get_weights())


@pytest.mark.parametrize("name", NETS)
def test_a_row_alone_and_in_a_batch(name):
    model, _ = trained(name)
    x, _ = nets.data(77, NETS[name][1], NETS[name][2], seed=3)
    whole = model.predict(x, verbose=0)
    for i in range(0, 77, 7):
        row = x[i : i + 1]
        assert whole[i].tobytes() == model.predict(row, verbose=0)[0].tobytes()
        assert whole[i].tobytes() == model.predict_on_batch(row)[0].tobytes()
        assert whole[i].tobytes() == model(row)[0].tobytes()
    assert whole.tobytes() == model.predict(x, batch_size=5, verbose=0).tobytes()
