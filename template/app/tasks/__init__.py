"""Work after the response: a route enqueues it and does not wait."""
