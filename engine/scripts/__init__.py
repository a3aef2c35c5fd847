"""Expressions and scripts an admin writes: what may be written and what it may cost."""
