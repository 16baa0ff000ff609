"""What leaves convwise: exports that are checked in their own runtime, and words on a model."""
