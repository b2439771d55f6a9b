"""The graph: symbolic tensors, the op table, variables, tracing and differentiation."""

from fastfit.graph import protocols, rows  # noqa: F401  both fill tables that the rest reads
