"""What a trained model is worth: predictions, metrics, calibration, robustness to shifts."""
