"""Figures of ways of teaching: their steps, and what changes while they train."""
