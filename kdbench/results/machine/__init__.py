"""Facts of the machine: processor, packages, GPU, energy."""
