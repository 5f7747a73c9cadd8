"""Figures of trained models: rows over seeds, pairs, gains, learning, conditions, cost."""
