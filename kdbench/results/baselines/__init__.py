"""Baselines: what is frozen of a run, and which rows and networks of a later one are held against it."""
