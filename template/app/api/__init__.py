"""The only layer that knows HTTP: routes call a service and shape the response."""
