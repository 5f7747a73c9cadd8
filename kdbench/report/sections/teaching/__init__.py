"""Sections on ways of teaching: their steps, and what changes while they train, one file each with its plot."""
