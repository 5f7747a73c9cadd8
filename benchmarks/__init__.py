"""Benchmarks of kdbench: its training against other programs, its latencies against other clocks, the cost of losses.

`engine`, `fidelity` and `losses` write raw figures to `results/benchmarks/`; `pages` writes the tables and images of
the documents from them. `micro` holds the micro-benchmarks, which `python -m benchmarks` runs.
"""
