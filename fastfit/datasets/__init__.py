"""Small image data sets: `digits` is in the package, the others are found or downloaded."""

from fastfit.datasets import digits, fashion_mnist, mnist

__all__ = ["digits", "fashion_mnist", "mnist"]
