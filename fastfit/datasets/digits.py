"""UCI handwritten digits, shipped in the package."""

import os

import numpy as np

__all__ = ["load_data"]

_FILE = os.path.join(os.path.dirname(__file__), "data", "digits.npz")
_TRAIN = 1500


def load_data():
    """Load the UCI handwritten digits: 1,797 grey images of 8 x 8 pixels in 10 classes.

    The split is fixed: the first 1,500 images, in the repository's order, are for
    training and the last 297 for testing. The order goes by writer, so most test
    images are by people whose digits were not trained on.

    Returns
    -------
    ((x_train, y_train), (x_test, y_test)) : tuple of tuples of ndarray
        Images, uint8 of shape (n, 8, 8) with values 0 to 16, and labels, uint8 of
        shape (n,). The arrays are new in each call.

    Notes
    -----
    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI
    Machine Learning Repository, CC BY 4.0. See `data/README.txt`.
    """
    with np.load(_FILE, allow_pickle=False) as archive:
        images, labels = archive["images"], archive["labels"]
    return (images[:_TRAIN].copy(), labels[:_TRAIN].copy()), (images[_TRAIN:].copy(), labels[_TRAIN:].copy())
