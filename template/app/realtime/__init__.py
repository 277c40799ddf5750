"""Real-time updates: each project has a room, where members see its changes as they happen."""
