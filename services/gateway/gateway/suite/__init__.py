"""The suite as a whole: how its services are, and what time it is for them."""
