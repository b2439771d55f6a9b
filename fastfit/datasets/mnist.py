"""MNIST handwritten digits."""

from fastfit.datasets.files import Source, load

__all__ = ["load_data"]

_SOURCE = Source(
    "mnist",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    {"mnist.npz": (11490434, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1")},
)


def load_data(path=None):
    """Load MNIST: 60,000 and 10,000 grey images of 28 x 28 pixels in 10 classes.

    Parameters
    ----------
    path : str or os.PathLike, optional
        An .npz file with the arrays x_train, y_train, x_test and y_test, or a folder
        with one or with the four IDX files, each plain or .gz. If it is not given:
        the folder `mnist` under FASTFIT_HOME (by default ~/.cache/fastfit), then
        /usr/share/datasets/mnist, then a download into the first of them.

    Returns
    -------
    ((x_train, y_train), (x_test, y_test)) : tuple of tuples of ndarray
        Images, uint8 of shape (n, 28, 28), and labels, uint8 of shape (n,).

    Raises
    ------
    FileNotFoundError : `path` does not exist or holds none of these files.
    ValueError : a file is damaged.
    OSError : the download failed or was not what it should be.

    Notes
    -----
    Y. LeCun and C. Cortes hold the copyright; CC BY-SA 3.0.
    """
    return load(_SOURCE, path)
