"""The service: an upper layer imports from a lower one, as docs/architecture.md draws it."""
