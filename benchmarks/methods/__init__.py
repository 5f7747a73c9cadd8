"""The methods tested as methods: how often kdbench's intervals, tests and verdicts are right where the truth is known.

A module listed in `benchmarks/methods/modules.py` has `figures(trials: int, seed: int = 0) -> list[Figure]`.
"""
