"""Simulations of the statistical methods: how often intervals, tests and verdicts are right where the truth is known.

A simulation is a module with `shares(trials: int, seed: int = 0) -> list[Share]`. `python -m tests.methods` writes the
shares that `docs/method.md` publishes; the slow tests draw them again with other random numbers.
"""
