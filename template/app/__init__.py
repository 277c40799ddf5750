"""The service, in layers: docs/architecture.md says which may import from which."""
