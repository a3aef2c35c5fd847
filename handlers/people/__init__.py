"""Who may enter the hall: operators of units, staff of the centre, and how they prove it.

The engine knows only an `Actor` with posts; here those posts are made from rows.
Nothing is imported at this level, so that `units` and `people` may use each other's models.
"""
