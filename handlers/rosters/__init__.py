"""清册: many rows of one form, checked row by row, submitted together, applied in pieces."""
