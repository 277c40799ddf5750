from uuid import UUID

from fastapi import APIRouter, status

from app.api.deps import DB, Claims, SessionUser
from app.api.errors import problems
from app.api.paging import Pagination
from app.schemas.common import PaginatedResponse
from app.schemas.session import SessionResponse
from app.services import sessions

router = APIRouter(tags=["sessions"], responses=problems(401, 403))


@router.get("/users/me/sessions", summary="List my sessions")
async def list_sessions(
    db: DB, user: SessionUser, claims: Claims, pagination: Pagination
) -> PaginatedResponse[SessionResponse]:
    """Where the caller is logged in, the last used session first."""
    rows, total = await sessions.list_open(db, user.id, pagination)
    data = [SessionResponse.model_validate(row) for row in rows]
    for session in data:
        session.current = session.id == claims.session_id
    return PaginatedResponse.create(data, total, pagination)


@router.delete(
    "/users/me/sessions/{session_id}",
    summary="End a session",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(404),
)
async def revoke_session(db: DB, user: SessionUser, session_id: UUID) -> None:
    """One of the caller's own: its access and refresh tokens stop working at once."""
    await sessions.revoke_of_user(db, user.id, session_id)


@router.post(
    "/auth/logout-all", summary="Log out everywhere", status_code=status.HTTP_204_NO_CONTENT
)
async def logout_all(db: DB, user: SessionUser) -> None:
    """Ends all sessions of the caller, this one too. API keys go on."""
    await sessions.revoke_all(db, user.id)
