"""Data as it comes: arrays, frames and streams of batches, bound for a run."""
