"""Training in JAX, as fast as it goes: a whole epoch as one jitted scan, or one jitted step at a time.

The scan is tried with Adam written out and from optax, and with rows gathered in each step and for the whole epoch at
once; the fastest of the four is the one that is timed. Loss and accuracy are computed, as in `fit`.
"""

import itertools
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jobs import CHECK_STEPS, JOBS
from worker import serve, versions

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


def loss_and_hits(job, params, x, y):
    for w, b in params[:-1]:
        x = x @ w + b
        x = jax.nn.relu(x) if job.activation == "relu" else jnp.tanh(x)
    w, b = params[-1]
    z = x @ w + b
    if not job.classes:
        return jnp.mean(jnp.square(z - y)), jnp.float32(0)
    loss = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))
    return loss, jnp.mean(jnp.argmax(z, 1) == y)


def hand_adam():
    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return jnp.int32(0), zeros, jax.tree.map(jnp.zeros_like, params)

    def update(params, grads, state):
        t, m, v = state
        t = t + 1
        rate = RATE * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        m = jax.tree.map(lambda m, g: m + (1 - BETA1) * (g - m), m, grads)
        v = jax.tree.map(lambda v, g: v + (1 - BETA2) * (g * g - v), v, grads)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), params, m, v)
        return params, (t, m, v)

    return init, update


def optax_adam():
    optimizer = optax.adam(RATE, b1=BETA1, b2=BETA2, eps=EPSILON)

    def update(params, grads, state):
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return optimizer.init, update


ADAMS = {"written out": hand_adam, "optax": optax_adam}


def make_epoch(job, batch, adam, gather):
    """(x, y, order, params, state) -> (params, state, mean loss, mean accuracy), one program."""
    _, update = ADAMS[adam]()

    def step(carry, xy):
        params, state = carry
        (loss, hits), grads = jax.value_and_grad(partial(loss_and_hits, job), has_aux=True)(params, *xy)
        return update(params, grads, state), (loss, hits)

    @partial(jax.jit, donate_argnums=(3, 4))
    def epoch(x, y, order, params, state):
        order = order.reshape(-1, batch)
        if gather == "epoch":
            carry, (losses, hits) = jax.lax.scan(step, (params, state), (x[order], y[order]))
        else:
            carry, (losses, hits) = jax.lax.scan(
                lambda carry, rows: step(carry, (x[rows], y[rows])), (params, state), order
            )
        return *carry, losses.mean(), hits.mean()

    return epoch


def make_step(job, adam):
    _, update = ADAMS[adam]()

    @partial(jax.jit, donate_argnums=(2, 3))
    def step(x, y, params, state):
        (loss, _), grads = jax.value_and_grad(partial(loss_and_hits, job), has_aux=True)(params, x, y)
        return *update(params, grads, state), loss

    return step


def initial(job, adam):
    flat = job.weights()
    params = [(jnp.array(w), jnp.array(b)) for w, b in zip(flat[::2], flat[1::2], strict=True)]
    return params, ADAMS[adam]()[0](params)


def setup(job, rows, batch, threads, mode="scan", epochs=1):
    del threads  # given by the cores that the process may use
    spec = JOBS[job]
    rows -= rows % batch  # the scan takes whole batches
    x, y = map(jnp.array, spec.data(rows))
    rng = np.random.default_rng(2)
    if mode == "step":
        chosen, commands = single_steps(spec, x, y, batch, epochs)
    else:
        chosen, commands = scans(spec, x, y, batch, rng)
    return {"versions": versions("jax", "jaxlib", "optax"), "variant": chosen}, commands


def timed(function):
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def scans(spec, x, y, batch, rng):
    rows = len(x)

    def runner(adam, gather):
        epoch = make_epoch(spec, batch, adam, gather)
        state = list(initial(spec, adam))

        def run(order=None):
            # The permutation is part of an epoch, here as in fit.
            order = rng.permutation(rows).astype("int32") if order is None else order
            *state[:], loss, hits = epoch(x, y, order, *state)
            return loss, hits

        return run

    variants = {names: runner(*names) for names in itertools.product(ADAMS, ("step", "epoch"))}
    times = {}
    for names, run in variants.items():
        timed(run)  # compiles
        times[names] = min(timed(run) for _ in range(2))
    chosen = min(times, key=times.get)
    run = variants[chosen]

    def check():
        count = min(rows, CHECK_STEPS * batch)
        epoch = make_epoch(spec, batch, chosen[0], chosen[1])
        order = np.arange(count, dtype="int32")
        return {"loss": float(epoch(x, y, order, *initial(spec, chosen[0]))[2])}

    def one_round():
        return {"seconds": timed(run) / (rows // batch), "steps": rows // batch}

    return f"Adam {chosen[0]}, rows gathered per {chosen[1]}", {"check": check, "round": one_round}


def single_steps(spec, x, y, batch, epochs):
    """All rows are one batch."""
    assert len(x) == batch
    times = {}
    states = {}
    steps = {}
    for adam in ADAMS:
        steps[adam] = make_step(spec, adam)
        states[adam] = list(initial(spec, adam))

    def run(adam, count):
        step, state = steps[adam], states[adam]
        for _ in range(count):
            *state[:], loss = step(x, y, *state)
        return loss

    for adam in ADAMS:
        timed(partial(run, adam, 2))
        times[adam] = timed(partial(run, adam, max(epochs // 4, 1)))
    chosen = min(times, key=times.get)

    def check():
        states[chosen] = list(initial(spec, chosen))
        return {"loss": float(run(chosen, CHECK_STEPS))}

    def one_round():
        return {"seconds": timed(partial(run, chosen, epochs)) / epochs, "steps": epochs}

    return f"Adam {chosen}", {"check": check, "round": one_round}


if __name__ == "__main__":
    serve(setup)
