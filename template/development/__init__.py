"""Private servers for development and tests, independent of the code in `app/`."""
