"""Stock: what lies where, what is held for whom, and what has left."""
