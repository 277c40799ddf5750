"""Benchmarks of a rendering beside two baselines: `uv run poe bench`, see docs/developing.md."""
