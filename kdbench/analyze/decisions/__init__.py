"""What follows from the figures: which student to ship, how many seeds, the gate."""
