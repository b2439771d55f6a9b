"""Layers that others are built from."""
