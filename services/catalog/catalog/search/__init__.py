"""Search by words and by exact code, with facets, suggestions and mended typos."""
