"""What the fund does: units, people, documents, notices.

Rules here know nothing of pages; imports go down to `engine` only.
"""
