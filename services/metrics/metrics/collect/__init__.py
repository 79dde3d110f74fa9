"""What visitors do: events in batches, the visits that they belong to, and no trace of who it was."""
