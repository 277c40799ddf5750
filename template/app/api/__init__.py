"""The only layer that knows HTTP: routes ask a service and shape its answer."""
