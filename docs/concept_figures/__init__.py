"""Figures and tables of the concept pages: one module a page, all computed by convwise.

A page's module holds ``FIGURES`` (file name → SVG) and ``TABLES`` (name in the page → Markdown).
"""
