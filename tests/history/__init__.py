"""Half a year of a real shop: converted to past orders, imported, and recomputed beside the figures."""
