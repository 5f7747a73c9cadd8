"""Statistics of measured values: pure functions of numbers. Only numpy and scipy."""
