"""The prediction server: HTTP in front, decoding in processes of its own, predictions in batches."""
