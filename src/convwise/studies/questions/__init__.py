"""The questions: a file for each, all with the same skeleton; a new file is found by itself.

``QUESTION`` is the question, ``PLACE`` where it stands in lists.
"""
