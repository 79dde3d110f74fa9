"""Tax rates by destination and class, and the arithmetic that nobody may round twice."""
