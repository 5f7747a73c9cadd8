"""Reading suite files: where they are, what they say, and every error at its line."""
