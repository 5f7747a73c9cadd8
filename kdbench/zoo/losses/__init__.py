"""Losses: one short file each. Adding one is a file here and a line in the catalog."""
