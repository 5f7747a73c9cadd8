"""Decisions from the figures: which student to ship, how many seeds a claim needs, and the gate."""
