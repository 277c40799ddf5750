"""How rows are stored: the engine, the sessions and the column types."""
