"""Registers (查询): what the tables hold, as a person may read, print and take it away.

A register is declared (`declaring`), asked (`asking`), read page by page (`reading`) and written
into files by the rooms above; whose rows somebody sees is the mechanism's doing, never a
register's.
"""
