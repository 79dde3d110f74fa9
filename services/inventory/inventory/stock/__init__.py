"""The ledger and the levels that it adds up to, with their alerts."""
