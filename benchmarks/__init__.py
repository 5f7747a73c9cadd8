"""Benchmarks: kdbench's training beside other programs', its latencies beside other clocks', and the cost of losses.

`engine`, `fidelity` and `losses` write raw figures to `results/benchmarks/`; `pages` writes the tables and images of
the documents from them. `micro` holds the micro-benchmarks, which `python -m benchmarks` runs.
"""
