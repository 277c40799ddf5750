"""Benchmarks of a rendering and of two baselines: `uv run poe bench`, see docs/developing.md."""
