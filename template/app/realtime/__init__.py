"""A room for each project, where its members see what happens as it happens."""
