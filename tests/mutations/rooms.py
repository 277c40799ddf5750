"""Sockets."""

from tests.mutations.mutation import ALL, Mutation

ROOMS = [
    Mutation(
        "a page of any origin opens sockets",
        "app/api/v1/websocket.py",
        """dependencies=[Depends(check_origin)]""",
        """dependencies=[]""",
        "test_websocket_live_handshake",
        ALL,
    ),
    Mutation(
        "every user may enter every room",
        "app/realtime/access.py",
        """    if row.role is None or not caller.may_enter(row.organization_id):
        raise NotAMember("Project not found")
    return row.organization_id, row.role""",
        """    return row.organization_id, row.role or MemberRole.MEMBER""",
        "test_websocket_live_handshake",
        ALL,
    ),
    Mutation(
        "who is in a room stays, whatever changes in the database",
        "app/realtime/conversation.py",
        """            await self._check_access()""",
        """            pass""",
        "test_websocket_live_recheck",
        ALL,
    ),
    Mutation(
        "a viewer speaks",
        "app/realtime/access.py",
        """may_speak=role.rank >= MemberRole.MEMBER.rank and caller.has(Scope.WRITE),""",
        """may_speak=caller.has(Scope.WRITE),""",
        "test_websocket_live_messages",
        ALL,
    ),
    Mutation(
        "a flood is passed on",
        "app/realtime/quota.py",
        """        if full and now - self._latest[0] < self._window:""",
        """        if False:""",
        "test_websocket_live_limits",
        ALL,
    ),
    Mutation(
        "a client that takes nothing keeps its place",
        "app/realtime/conversation.py",
        """            if self._socket.too_slow or stuck:""",
        """            if self._socket.too_slow:""",
        "test_realtime_conversation",
        ALL,
    ),
    Mutation(
        "a room waits as long as its database hangs",
        "app/realtime/access.py",
        """                asyncio.timeout(CHECK_SECONDS),""",
        """                asyncio.timeout(None),""",
        "test_websocket_live_recheck",
        ALL,
    ),
]
