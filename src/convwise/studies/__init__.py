"""Paired experiments on the user's own data: a question of design, its arms, seeds, a verdict.

Start reading with ``question``, then one file of ``questions``; ``trial`` does one cell, ``runner``
all of them, and ``statistics``, ``verdict`` and ``findings`` say what came of them.
"""
