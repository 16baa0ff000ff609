"""The charts of the report, as SVG that takes its colours from the page's style sheet."""
