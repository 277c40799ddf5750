"""Who a client says it is: its address, by way of trusted proxies only, and its name."""

from ipaddress import IPv6Address, ip_address
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection


def client_host(connection: HTTPConnection) -> str:
    """Empty for a Unix socket; cut to the length of an address, should a proxy pass on more."""
    return connection.client.host[:45] if connection.client else ""


def client_network(connection: HTTPConnection) -> str:
    """IPv6 by its /64, the smallest block a subscriber gets and can choose addresses from."""
    host = client_host(connection)
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


async def get_address(request: Request) -> str:
    return client_host(request)


async def get_user_agent(request: Request) -> str:
    """What the client calls itself, as far as it can be shown and stored."""
    return "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))[:200]


Address = Annotated[str, Depends(get_address)]
UserAgent = Annotated[str, Depends(get_user_agent)]
