"""Timed calls of exported files, in a process without torch."""
