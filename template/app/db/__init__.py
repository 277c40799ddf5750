"""The database: engine, sessions and column types."""
