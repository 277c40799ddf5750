"""`openapi`: the OpenAPI document, for client generators and for diffs."""

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer


def openapi(
    output: Annotated[Path | None, typer.Option(help="Write to this file, not stdout.")] = None,
) -> None:
    """Print the OpenAPI document as JSON; needs neither a database nor secrets."""
    from app.core.config import load_settings
    from app.db.dialect import EXAMPLE_URL
    from app.main import create_app

    settings = load_settings(
        ENVIRONMENT="development",
        DATABASE_URL=EXAMPLE_URL,
        SECRET_KEY=secrets.token_urlsafe(48),
    )
    document = json.dumps(create_app(settings).openapi(), indent=2, sort_keys=True)
    if output is None:
        typer.echo(document)
        return
    try:
        output.write_text(f"{document}\n", encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"Cannot write {output}: {error.strerror}.") from None
