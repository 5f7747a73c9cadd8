"""Figures of deployed files: architectures, their timings, variants, files brought along."""
