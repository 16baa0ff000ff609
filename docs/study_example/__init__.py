"""Parts of the worked example of a study."""
