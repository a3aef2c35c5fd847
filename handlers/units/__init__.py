"""缴存单位: what the fund knows of a unit, and how that record changes."""
