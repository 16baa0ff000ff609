"""What is wrong, or only odd, with a data set: found by decoding all of it, told, never changed."""
