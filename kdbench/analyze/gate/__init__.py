"""The gate: whether new results are worse than a baseline, and what it can see."""
