"""What looks after the project itself: checks across services, guards, house rules, generated pages, acceptance."""
