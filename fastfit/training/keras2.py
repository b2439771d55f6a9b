"""The training methods that Keras 2 had and Keras 3 has not, in terms of those that stayed."""

from __future__ import annotations

import numpy as np

from fastfit.data.read_ahead import WorkerDataset
from fastfit.utils import nest


class Keras2Methods:
    """`fit_generator` and its kin, `predict_classes` and `predict_proba`."""

    def fit_generator(
        self,
        generator,
        steps_per_epoch=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_data=None,
        validation_steps=None,
        class_weight=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        shuffle=True,
        initial_epoch=0,
    ):
        """Train on a generator or a `Sequence`: `fit` under its older name.

        Parameters
        ----------
        generator : iterator, PyDataset or iterable
        max_queue_size, workers, use_multiprocessing
            How a `Sequence` is read, if they are not the defaults; a generator is read by one thread.
        **others
            As in `fit`.

        Returns
        -------
        History
        """
        return self.fit(
            WorkerDataset.of(generator, workers, use_multiprocessing, max_queue_size),
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            class_weight=class_weight,
            shuffle=shuffle and not hasattr(generator, "__next__"),
            initial_epoch=initial_epoch,
        )

    def evaluate_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """Return loss and metrics over a generator or a `Sequence`: `evaluate` under its older name."""
        data = WorkerDataset.of(generator, workers, use_multiprocessing, max_queue_size)
        return self.evaluate(data, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """Return the outputs over a generator or a `Sequence`: `predict` under its older name."""
        data = WorkerDataset.of(generator, workers, use_multiprocessing, max_queue_size)
        return self.predict(data, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_proba(self, x, batch_size=None, verbose=0, steps=None):
        """Return `predict(x)`."""
        return self.predict(x, batch_size=batch_size, verbose=verbose, steps=steps)

    def predict_classes(self, x, batch_size=None, verbose=0, steps=None):
        """Return the most probable class of every row.

        Returns
        -------
        ndarray of int
            The index of the largest value of the last axis; of a single column, 0 or 1 by whether it is above 0.5,
            in the shape of the output.

        Raises
        ------
        ValueError
            For a model with several outputs.
        """
        p = self.predict(x, batch_size=batch_size, verbose=verbose, steps=steps)
        if nest.is_nested(p):
            raise ValueError(
                f"predict_classes() needs a model with one output. Received: {len(nest.flatten(p))} outputs"
            )
        return np.argmax(p, axis=-1) if p.shape[-1] > 1 else (p > 0.5).astype("int32")
