"""What leaves convwise: exports that are checked in their own runtime, and what is told of a model."""
