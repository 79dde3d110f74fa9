"""The demo shop: its catalogue, rates, places and people, ready to be loaded."""
