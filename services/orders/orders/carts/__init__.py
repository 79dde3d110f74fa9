"""Carts: what someone thinks of buying, repriced at each look, one guarded statement a change."""
