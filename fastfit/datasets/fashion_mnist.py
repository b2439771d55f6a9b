"""Fashion-MNIST images of clothes."""

from fastfit.datasets.files import Source, load

__all__ = ["load_data"]

_SOURCE = Source(
    "fashion-mnist",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    {
        "train-images-idx3-ubyte.gz": (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        "train-labels-idx1-ubyte.gz": (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        "t10k-images-idx3-ubyte.gz": (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        "t10k-labels-idx1-ubyte.gz": (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    },
)


def load_data(path=None):
    """Load Fashion-MNIST: 60,000 and 10,000 grey images of 28 x 28 pixels in 10 classes.

    The classes are T-shirt/top, trouser, pullover, dress, coat, sandal, shirt,
    sneaker, bag and ankle boot.

    Parameters
    ----------
    path : str or os.PathLike, optional
        A folder with the four IDX files, each plain or .gz, or an .npz file with the
        arrays x_train, y_train, x_test and y_test. If it is not given: the folder
        `fashion-mnist` under FASTFIT_HOME (by default ~/.cache/fastfit), then
        /usr/share/datasets/fashion-mnist (Debian's package dataset-fashion-mnist),
        then a download into the first of them.

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
    Copyright Zalando SE; MIT licence.
    """
    return load(_SOURCE, path)
