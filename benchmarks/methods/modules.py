"""The simulations, in the order in which they run and stand in `docs/method.md`."""

MODULES = ("seeds", "comparisons", "sessions", "curves", "machine")
TRIALS = 8_000  # of a cheap simulation; a costly one takes a stated part of it
