"""Processes that run jobs, and what they say."""
