"""What a campaign found, for terminals, browsers and CI."""
