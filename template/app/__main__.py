"""`python -m app`: the same commands, under a name that every project shares."""

from app.cli import main

main()
