"""Layers of a network by name: which there are, reading their features in a pass, and cutting a network at one."""
