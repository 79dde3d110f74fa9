"""Places that stock lies at."""
