"""A model as a web page: a static folder that classifies pictures in the visitor's own browser."""
