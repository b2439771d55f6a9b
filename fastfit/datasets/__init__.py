"""Small image data sets: `digits` is in the package, the others are found or downloaded."""

from fastfit.datasets import digits, fashion_mnist, mnist
from fastfit.utils.suggestions import unknown_attribute

__all__ = ["digits", "fashion_mnist", "mnist"]

__getattr__ = unknown_attribute(__name__, globals())
