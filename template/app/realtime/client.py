"""What a client says in a room, and what becomes of it."""

from uuid import uuid4

from app.core.clock import utc_now
from app.realtime.hub import Hub
from app.realtime.quota import Quota
from app.realtime.socket import Socket
from app.schemas.event import Error, ErrorCode, EventError, Message, Ping, Pong, Say, read_event

DETAILS = {
    ErrorCode.BINARY: "Send text, not binary data",
    ErrorCode.FORBIDDEN: "Viewers only read, and API keys without the scope write",
    ErrorCode.INVALID_EVENT: (
        'Send {"type": "message", "text": "..."} with 1 to 4000 characters, or {"type": "ping"}'
    ),
    ErrorCode.INVALID_JSON: "Send JSON",
    ErrorCode.RATE_LIMITED: "Too many messages; this one was dropped",
}
PONG = Pong().model_dump_json()


class Client:
    def __init__(self, socket: Socket, hub: Hub) -> None:
        self._socket = socket
        self._hub = hub
        self._quota = Quota(hub.message_limit)

    def hear(self, text: str | None) -> None:
        """None stands for binary data; whatever it is, the socket and the room live on."""
        try:
            self._answer(text)
        except EventError as error:
            refusal = Error(code=error.code, detail=DETAILS[error.code])
            self._socket.put(refusal.model_dump_json())

    def _answer(self, text: str | None) -> None:
        if not self._quota.spend():
            raise EventError(ErrorCode.RATE_LIMITED)
        if text is None:
            raise EventError(ErrorCode.BINARY)
        match read_event(text):
            case Ping():
                self._socket.put(PONG)
            case Say(text=said):
                self._say(said)

    def _say(self, text: str) -> None:
        access = self._socket.access
        if not access.may_speak:
            raise EventError(ErrorCode.FORBIDDEN)
        message = Message(
            id=uuid4(), user_id=access.user_id, name=access.name, text=text, sent_at=utc_now()
        )
        self._hub.publish(access.project_id, message)
