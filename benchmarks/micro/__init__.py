"""Micro-benchmarks of the parts of a training step."""
