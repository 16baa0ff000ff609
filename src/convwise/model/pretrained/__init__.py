"""Weights that others have trained, for networks of the zoo."""
