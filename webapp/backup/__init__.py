"""Backup and restore: the database and the uploaded files as one archive, and back again.

An archive is a plain tar of plain files (`archive`), sealed with the hall's secret (`manifest`).
`making` writes one while people work; `restoring` fills an empty machine from it, or nothing at
all, and then has the books checked (`checks`).  Keys are never in it.
"""
