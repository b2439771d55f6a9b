"""Intersection over union, from a confusion matrix."""

import numpy as np

from fastfit import config, ops
from fastfit.graph.op import apply
from fastfit.losses.loss import to_float
from fastfit.metrics.metric import STATE, Metric


class IoU(Metric):
    """Mean of tp / (row + column - tp) over chosen classes that occur.

    Parameters
    ----------
    num_classes : int
    target_class_ids : list of int
    ignore_class : int, optional
        Targets of this class do not count.
    sparse_y_true, sparse_y_pred : bool, default=True
        Class ids; else rows of scores, whose largest counts.
    axis : int, default=-1
        Axis of the scores.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int")
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.target_class_ids = list(target_class_ids)
        if max(self.target_class_ids) >= num_classes:
            raise ValueError(
                f"Target class id {max(self.target_class_ids)} is out of range, which is [0, {num_classes})."
            )
        self.total_cm = self.add_variable((num_classes, num_classes), dtype=STATE, name="total_confusion_matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        for sparse, what, v in ((self.sparse_y_true, "y_true", y_true), (self.sparse_y_pred, "y_pred", y_pred)):
            if not sparse and len(v.shape) < 2:
                raise ValueError(
                    f"{type(self).__name__}: without sparse_{what}, {what} must hold a row of scores, or a one-hot "
                    f"row, per sample: (batch_size, num_classes). Class ids go with IoU and MeanIoU. "
                    f"Received: {what}.shape={tuple(v.shape)}"
                )
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        t, p = (ops.reshape(ops.cast(v, "int32"), (-1,)) for v in (y_true, y_pred))
        weights = ops.ones_like(t, "float32")
        if sample_weight is not None:
            w = to_float(sample_weight, "float32")
            weights = weights * (ops.reshape(w, (-1,)) if len(w.shape) > 1 else w)
        n = self.num_classes
        valid = ops.logical_and(ops.logical_and(t >= 0, t < n), ops.logical_and(p >= 0, p < n))
        if self.ignore_class is not None:
            valid = ops.logical_and(valid, ops.not_equal(t, self.ignore_class))
        # what has no cell is left out
        cells = apply("sum_into64", weights, ops.where(valid, t * n + p, -1), size=n * n)
        self._add(self.total_cm, ops.reshape(cells, (n, n)))

    def result(self):
        """Return the mean over the classes."""
        cm = ops.convert_to_tensor(self.total_cm)
        tp = ops.diagonal(cm)
        union = ops.sum(cm, axis=0) + ops.sum(cm, axis=1) - tp
        ids = np.asarray(self.target_class_ids, "int32")
        tp, union = ops.take(tp, ids, axis=0), ops.take(union, ids, axis=0)
        valid = ops.cast(union > 1e-9, STATE)
        ratio = valid * (tp / (union + config.epsilon()))
        mean = ops.sum(ratio) / (ops.sum(valid) + config.epsilon())
        return ops.cast(mean, config.floatx())  # the metric's dtype is that of class ids

    def get_config(self):
        own = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        config = {**super().get_config(), **{k: getattr(self, k) for k in own}}
        return {k: v for k, v in config.items() if k not in self._fixed}

    # Entries of the config that a subclass decides itself.
    _fixed = ()


class BinaryIoU(IoU):
    """IoU of labels 0 and 1, predictions at or above ``threshold`` being 1."""

    _fixed = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        super().update_state(y_true, ops.greater_equal(to_float(y_pred), self.threshold), sample_weight)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


class MeanIoU(IoU):
    """IoU over all classes."""

    _fixed = ("target_class_ids",)

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(
            num_classes, list(range(num_classes)), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


class OneHotIoU(IoU):
    """IoU of one-hot targets."""

    _fixed = ("sparse_y_true",)

    def __init__(
        self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """IoU of one-hot targets over all classes."""

    _fixed = ("target_class_ids", "sparse_y_true")

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
