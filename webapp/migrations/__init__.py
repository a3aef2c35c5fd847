"""Alembic's folder: what the database must look like, and how it got there."""
