"""What members of a project see as it happens."""
