"""Money between units and the collection account: payments, receipts, debits, the bank's door."""
