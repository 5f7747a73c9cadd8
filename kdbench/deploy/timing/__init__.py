"""Timed calls of exported files, without torch."""
