"""`python -m app`: the command where it is not installed under its name, as in an image."""

from app.cli import main

main()
