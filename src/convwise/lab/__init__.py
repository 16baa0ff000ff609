"""The local web app: pages that design, train, explain and compare, for one user on one machine.

Start reading with ``app``, then ``page`` and one file of ``pages``; ``access`` says who gets in,
``places`` which folders may be read.
"""
