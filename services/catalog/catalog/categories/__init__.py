"""Categories: a tree of titles that products hang in."""
