"""Figures that a coordinator can decide by: each follows from facts that are kept, and can name them."""
