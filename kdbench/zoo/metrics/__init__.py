"""Metrics of a deployed model on the test split: plain functions of logits and labels, without torch."""
