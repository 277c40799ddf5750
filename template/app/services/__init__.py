"""Business rules and their SQL: plain functions on a session that the caller commits."""
