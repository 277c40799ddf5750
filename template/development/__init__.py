"""Private servers for development and tests. Neither imports the other: this and production."""
