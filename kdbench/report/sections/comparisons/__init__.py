"""Sections on rows as published and tuned, on settings of a sweep, and on several pairs together."""
