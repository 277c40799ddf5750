"""Rules of security, each with a change that takes it away and the tests that must notice."""

from tests.mutations.accounts import ACCOUNTS
from tests.mutations.audit import AUDIT
from tests.mutations.faults import FAULTS
from tests.mutations.http import HTTP
from tests.mutations.idempotency import IDEMPOTENCY
from tests.mutations.input import INPUT
from tests.mutations.invitations import INVITATIONS
from tests.mutations.keys import KEYS
from tests.mutations.logins import LOGINS
from tests.mutations.mutation import Mutation as Mutation
from tests.mutations.rights import RIGHTS
from tests.mutations.rooms import ROOMS
from tests.mutations.secrets import SECRETS
from tests.mutations.sessions import SESSIONS
from tests.mutations.tokens import TOKENS

MUTATIONS = [
    *TOKENS,
    *SESSIONS,
    *LOGINS,
    *ACCOUNTS,
    *KEYS,
    *RIGHTS,
    *INVITATIONS,
    *AUDIT,
    *IDEMPOTENCY,
    *INPUT,
    *HTTP,
    *SECRETS,
    *FAULTS,
    *ROOMS,
]
