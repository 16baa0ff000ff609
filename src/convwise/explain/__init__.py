"""Explanations: what a network has learnt, what it looks at, and where it errs."""
