"""Plain functions on uint8 images that make an arm's pictures out of the user's."""
