"""职工 (缴存人): people and their individual accounts; their money lies in the ledger."""
