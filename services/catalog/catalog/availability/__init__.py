"""Whether products can be bought, as inventory's stock says."""
