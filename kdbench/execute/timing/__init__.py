"""Which files are timed when, and against what."""
