"""Training: data, and the loop."""
