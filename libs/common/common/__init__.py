"""What every service of the suite stands on; no word of the business in here, apart from the event contracts."""
