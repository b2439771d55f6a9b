"""Layers that reduce over steps."""
