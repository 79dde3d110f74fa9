"""The catalogue: what is sold, how it is described, at what price, and how it is found."""
