"""Commands that ask a finished model."""
