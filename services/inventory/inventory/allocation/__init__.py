"""Stock that is sold: allocated when the order is placed, gone when it ships."""
