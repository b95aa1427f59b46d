"""The farm: one plan of idempotent units, rendered by any number of machines in any order."""
