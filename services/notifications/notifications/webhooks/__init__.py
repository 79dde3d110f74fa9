"""Partners' endpoints, and the deliveries to them."""
