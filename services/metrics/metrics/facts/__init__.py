"""The facts as they came, and the sales that follow from them."""
