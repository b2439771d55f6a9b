"""One batch at a time: train_on_batch, test_on_batch, predict_on_batch."""

from __future__ import annotations

import numpy as np

from fastfit.training import loops, prepare
from fastfit.training.oddities import warn_of_result
from fastfit.training.runner import Runner


class BatchApi:
    """Methods that take one batch."""

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Do one update on one batch.

        Parameters
        ----------
        x, y, sample_weight : arrays, or structures of them
        class_weight : dict, optional
            Class to weight; not together with `sample_weight`.
        return_dict : bool, default=False

        Returns
        -------
        float, list of float, or dict
            Loss and metrics of this batch alone.
        """
        self._check_trains("train_on_batch")
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Return loss and metrics of one batch, in inference mode. Parameters as of `train_on_batch`."""
        self._check_compiled("test_on_batch")
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, kind, x, y, sample_weight, class_weight, return_dict):
        with self._exclusive(f"{kind}_on_batch", nested=True):
            data = prepare.batch_data(self, x, y, sample_weight, class_weight)
            runner = Runner(self, kind, data.x, data.y, data.w, data.n)
            self.reset_metrics()
            runner.run(None, 0, data.n, 1, 0)
            logs = self._logs(kind)
        warn_of_result(self, f"{kind}_on_batch()", logs.get("loss"), runner.groups)
        return logs if return_dict else self._as_list(logs)

    def predict_on_batch(self, x):
        """Return the outputs for one batch, in inference mode.

        Parameters
        ----------
        x : array, or structure of arrays

        Returns
        -------
        array, or arrays in the structure of the outputs
        """
        fast = self._fast
        if fast is not None:
            out = fast.plain(x)
            if out is not None:
                return out
        data = prepare.batch_data(self, x, targets=False)
        if data.n == 0:
            return self._pack_outputs(loops.predict_arrays(self, data.x, 1))
        step = self._step("predict", data.x, (), (), data.n)
        if len(data.x) == 1 and data.n <= 64 and isinstance(x, np.ndarray):
            self._prepare_fast(step)
        return self._pack_outputs(step.compiled.predict(data.x, data.n, data.n))

    def _pack_outputs(self, arrays):
        return loops.pack_outputs(self, arrays)
