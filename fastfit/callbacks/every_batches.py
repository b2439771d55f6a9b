"""How often a callback saves: each epoch, or every so many batches."""

import numbers


class EveryBatches:
    """Counts batches across epochs.

    Parameters
    ----------
    save_freq : "epoch" or int

    Attributes
    ----------
    waiting : int
        Batches since the last time that saving was due.
    last : int or None
        The batch that was seen last.
    """

    def __init__(self, save_freq):
        is_count = isinstance(save_freq, numbers.Integral) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not is_count:
            raise ValueError(
                f"Unrecognized save_freq: expected 'epoch' or a positive number of batches. Received: {save_freq!r}"
            )
        self.save_freq = save_freq
        self.waiting, self.last = 0, None

    @property
    def by_epoch(self):
        """Whether the end of an epoch is the time to save."""
        return self.save_freq == "epoch"

    def is_due(self, batch):
        """Whether to save after a batch; hooks may come every few batches only."""
        if self.by_epoch:
            return False
        begins = self.last is None or batch <= self.last  # a new epoch
        self.waiting += batch + 1 if begins else batch - self.last
        self.last = batch
        if self.waiting < self.save_freq:
            return False
        self.waiting = 0
        return True
