"""The box at the site: pulls every stream, records it, keeps the ledger, answers questions."""
