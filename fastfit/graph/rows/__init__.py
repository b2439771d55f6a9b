"""The rows of the op table, by family."""

from fastfit.graph.rows import crossentropy, elementwise, linalg, nn, random, reduce, scan, select, shape  # noqa: F401
