"""Files of the catalogue for other systems."""
