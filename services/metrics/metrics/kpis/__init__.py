"""Key figures of the shop, each with the facts that it follows from."""
