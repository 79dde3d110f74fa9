"""Products: the aggregate, its pages and its lists."""
