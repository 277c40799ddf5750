"""A client's address, from trusted proxies only, and its user agent."""

from ipaddress import IPv6Address, ip_address
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection


def client_host(connection: HTTPConnection) -> str:
    """Empty for a Unix socket; cut to the length of an address in case a proxy forwards more."""
    return connection.client.host[:45] if connection.client else ""


def client_network(connection: HTTPConnection) -> str:
    """Count an IPv6 address as its /64, the smallest block a subscriber has to choose from."""
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
    """The printable part of the header, cut to a length that can be stored."""
    return "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))[:200]


Address = Annotated[str, Depends(get_address)]
UserAgent = Annotated[str, Depends(get_user_agent)]
