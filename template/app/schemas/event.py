"""What clients and the service say to each other in a room."""
