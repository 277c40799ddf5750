"""The service's own tests: on its real database, through its real API."""
