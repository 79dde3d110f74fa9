"""What journeys and drills share: a filled shop, a stream of shoppers, the books, the broker."""
