"""The graph: symbolic tensors, the op table, variables, tracing and differentiation."""

from fastfit.graph import protocols, rows, sizes  # noqa: F401  all fill tables that the rest reads
