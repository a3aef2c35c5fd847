"""Contributions (缴存): what is due each month, from which base, within which limits."""
