"""Commands that read what is stored, and train nothing."""
