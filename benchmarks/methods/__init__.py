"""The methods tested as methods: how often an interval, a test or a verdict of kdbench is right where the truth is known.

A module listed in `benchmarks/methods/modules.py` has `figures(trials: int, seed: int = 0) -> list[Figure]`.
"""
