"""Diagrams: read, checked, deployed, compared, and walked ahead of time."""
