"""The operator's commands; each imports what it needs when it runs, so that `--help` is fast."""

import typer

from app.cli import admin, database, development, openapi, server

main = typer.Typer(
    help="Develop, run and operate this service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
main.command()(development.dev)
main.command()(server.serve)
main.command(no_args_is_help=True)(admin.create_admin)
main.add_typer(database.commands, name="db")
main.command()(openapi.openapi)
