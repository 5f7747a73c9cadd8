"""What every loss must hold, and the check of it."""
