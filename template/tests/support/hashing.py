"""Acts of others while a request hashes a password."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from app.core.passwords import Passwords


@contextmanager
def before(name: Literal["hash", "verify"], act: Callable[[], Awaitable[object]]) -> Iterator[None]:
    """Call `act` each time before a password is hashed or verified, except by `act` itself."""
    usual = getattr(Passwords, name)

    async def interrupted(passwords: Passwords, *args: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Passwords, name, usual)
            await act()
        return await usual(passwords, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Passwords, name, interrupted)
        yield
