"""What travels over the wire: the requests, validated, and the shape of the responses."""
