"""Roster forms (清册): columns, the check of rows, and the way from a workbook to stored rows."""
