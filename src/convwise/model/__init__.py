"""From a Plan to a trained network: torch modules, weights and the model file."""
