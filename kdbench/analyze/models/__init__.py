"""Figures of trained models: rows over seeds, pairs, learning, conditions, cost."""
