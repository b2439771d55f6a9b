"""The place of a stream counts the batches that were handed out, however many were read ahead."""

import time

import numpy as np
import pytest

from fastfit import utils
from fastfit.training.iterables import IterableData
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


@pytest.mark.parametrize("n", (1, 2, 3, 5))
@pytest.mark.parametrize("taken", range(1, 9))
def test_goes_on_after_what_was_taken(n, taken):
    utils.set_random_seed(3)
    expected, _, _ = numbers(IterableData(Numbers(n), shuffle=True), 20)
    utils.set_random_seed(3)
    first, state, stream = numbers(IterableData(Numbers(n), shuffle=True), 20, taken)
    utils.set_random_seed(8)
    later = IterableData(Numbers(n), shuffle=True)
    later.peek()
    later.set_state(state)
    seeds.set_state(stream)
    assert first + numbers(later, 20 - taken)[0] == expected


def test_batches_that_were_given_back_keep_their_order():
    data = IterableData(np.full((2, 1), k, "float32") for k in range(20))
    found = [numbers(data, 20, 1)[0][0] for _ in range(3)]
    for steps, until in ((2, 1), (3, 1), (2, 1), (9, None)):
        found += numbers(data, steps, until)[0]
    assert found == list(range(15))
