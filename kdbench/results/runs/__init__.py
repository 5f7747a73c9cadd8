"""Runs of a suite: which of them is meant, and what a part takes from others."""
