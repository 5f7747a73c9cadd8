"""The contract that every loss must fulfil, and its check."""
