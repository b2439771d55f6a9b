"""The place of a stream counts the batches that were handed out, however many were read ahead."""

import time

import numpy as np
import pytest

from fastfit import utils
from fastfit.data.iterables import IterableData
from fastfit.utils import seeds


class Numbers(utils.PyDataset):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, k):
        return np.full((2, 1), k, "float32"), np.zeros((2, 1), "float32")


def numbers(data, steps, until=None):
    """The first number of each batch; leaves the epoch after so many."""
    found = []
    epoch = data.epoch(steps)
    for x, _, _ in epoch:
        found.append(int(x[0][0, 0]))
        time.sleep(0.002)  # the reader gets ahead
        if len(found) == until:
            break
    else:
        return found, data.get_state(), data.seeds()
    state = data.get_state(), data.seeds()
    epoch.close()
    return found, *state


def epochs(data, count, done=0):
    """The numbers of each epoch of STEPS steps, until there are `count`; the first one goes on after `done` steps."""
    found, inside = [], done
    while True:
        found.append([])
        epoch = data.epoch(STEPS - inside, inside > 0)
        for x, _, _ in epoch:
            found[-1].append(int(x[0][0, 0]))
            time.sleep(0.002)  # the reader gets ahead
            if sum(map(len, found)) == count:
                state = data.get_state(), data.seeds()
                epoch.close()
                return found, *state
        inside = 0


STEPS = 4


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("n", (1, 2, 3, 4, 5, 9))
@pytest.mark.parametrize("taken", range(1, 9))
def test_goes_on_after_what_was_taken(n, taken):
    utils.set_random_seed(3)
    expected, _, _ = epochs(IterableData(Numbers(n), shuffle=True), 20)
    assert all(len(e) <= min(n, STEPS) for e in expected)
    utils.set_random_seed(3)
    first, state, stream = epochs(IterableData(Numbers(n), shuffle=True), taken)
    utils.set_random_seed(8)
    later = IterableData(Numbers(n), shuffle=True)
    later.peek()
    later.set_state(state)
    seeds.set_state(stream)
    rest = epochs(later, 20 - taken, len(first[-1]) % STEPS)[0]
    if len(first[-1]) < STEPS:
        rest[:1] = [first.pop() + rest[0]]
    assert first + rest == expected


def test_batches_that_were_given_back_keep_their_order():
    data = IterableData(np.full((2, 1), k, "float32") for k in range(20))
    found = [numbers(data, 20, 1)[0][0] for _ in range(3)]
    for steps, until in ((2, 1), (3, 1), (2, 1), (9, None)):
        found += numbers(data, steps, until)[0]
    assert found == list(range(15))
