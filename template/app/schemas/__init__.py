"""What travels over the wire: requests are checked here, answers are shaped here."""
