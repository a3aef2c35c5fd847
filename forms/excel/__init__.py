"""Workbooks in and out: strangers' files are read in a process of their own, ours row by row."""
