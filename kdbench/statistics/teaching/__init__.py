"""Figures of ways of teaching that have definitions of their own."""
