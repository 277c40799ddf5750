"""Real-time updates: each project has a room, whose members see its changes as they happen."""
