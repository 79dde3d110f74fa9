"""Search by words and by exact code."""
