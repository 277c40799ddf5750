"""Shared foundations: every layer may use them, and they depend on none."""
