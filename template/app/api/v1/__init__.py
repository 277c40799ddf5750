"""Version 1 of the API: every router, mounted under `API_V1_PREFIX`."""

from fastapi import APIRouter, Depends

from app.api.errors import problems
from app.api.rate_limit import limit_caller
from app.api.v1.auth import router as auth
from app.api.v1.members import router as members
from app.api.v1.organizations import router as organizations
from app.api.v1.projects import router as projects
from app.api.v1.users import router as users

# isort: split
# Your own routers go below this line.

router = APIRouter(dependencies=[Depends(limit_caller)], responses=problems(429, 503))
router.include_router(auth)
router.include_router(members)
router.include_router(organizations)
router.include_router(projects)
router.include_router(users)
# Include your own routers below this line.
