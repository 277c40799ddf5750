"""Sockets."""

from tests.mutations.mutation import ALL, Mutation

ROOMS = [
    Mutation(
        "pages of any origin open WebSockets",
        "app/api/v1/websocket.py",
        """dependencies=[Depends(limit_caller), Depends(check_origin)]""",
        """dependencies=[Depends(limit_caller)]""",
        "test_handshake",
        ALL,
    ),
    Mutation(
        "every user may join every room",
        "app/realtime/access.py",
        """    if row.role is None or not caller.may_enter(row.organization_id):
        raise NotAMember("Project not found")
    return row.organization_id, row.role""",
        """    return row.organization_id, row.role or MemberRole.MEMBER""",
        "test_handshake",
        ALL,
    ),
    Mutation(
        "a connection outlives the right to the room",
        "app/realtime/connection.py",
        """            await self._check_access()""",
        """            pass""",
        "test_recheck",
        ALL,
    ),
    Mutation(
        "a viewer sends messages",
        "app/realtime/access.py",
        """can_write=role.rank >= MemberRole.MEMBER.rank and caller.has(Scope.WRITE),""",
        """can_write=caller.has(Scope.WRITE),""",
        "test_messages",
        ALL,
    ),
    Mutation(
        "a flood of messages is broadcast",
        "app/realtime/limits.py",
        """        if full and now - self._hits[0] < self._seconds:""",
        """        if False:""",
        "test_client_events",
        ALL,
    ),
    Mutation(
        "a client that reads nothing stays connected",
        "app/realtime/connection.py",
        """            if self._subscriber.too_slow or stuck:""",
        """            if self._subscriber.too_slow:""",
        "test_connection",
        ALL,
    ),
    Mutation(
        "a hanging database blocks a room",
        "app/realtime/access.py",
        """                asyncio.timeout(CHECK_SECONDS),""",
        """                asyncio.timeout(None),""",
        "test_recheck",
        ALL,
    ),
]
