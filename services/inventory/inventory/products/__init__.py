"""Which SKUs the catalogue knows."""
