"""The operator's commands, below the layers that do the work."""

import typer

from app.cli import admin, database, development, openapi, server

main = typer.Typer(
    help="Develops, runs and looks after this service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
main.command()(development.dev)
main.command()(server.serve)
main.command(no_args_is_help=True)(admin.create_admin)
main.add_typer(database.commands, name="db")
main.command()(openapi.openapi)
