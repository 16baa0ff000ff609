"""The prediction server: HTTP in front, decoding in processes, predictions in batches."""
