"""Which settings of a loss are tried: sweeps that a suite asks for, and the search of the tuning."""
