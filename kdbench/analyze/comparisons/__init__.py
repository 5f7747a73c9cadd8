"""Rows against each other beyond the gains of a pair: tuned and as published, settings of a sweep, several pairs."""
