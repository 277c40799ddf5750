"""Invitations."""

from tests.mutations.mutation import ALL, Mutation

INVITATIONS = [
    Mutation(
        "any user with the token can accept an invitation",
        "app/services/invitations.py",
        """        Invitation.email_normalized == user.email_normalized,\n""",
        "",
        "test_invitation_acceptance",
    ),
    Mutation(
        "an invitation never expires",
        "app/services/invitations.py",
        """        Invitation.expires_at > utc_now(),
        Invitation.open(),""",
        """        Invitation.open(),""",
        "test_invitation_acceptance",
    ),
    Mutation(
        "a revoked invitation is accepted",
        "app/models/invitation.py",
        """and_(cls.accepted_at.is_(None), cls.revoked_at.is_(None))""",
        """cls.accepted_at.is_(None)""",
        "test_invitation_acceptance",
    ),
    Mutation(
        "an invitation outlives its inviter's right to invite",
        "app/services/invitations.py",
        """ or not await _inviter_may(session, invitation):""",
        """:""",
        "test_invitation_acceptance",
    ),
    Mutation(
        "an admin invites owners",
        "app/services/invitations.py",
        """    if not may_grant(actor.role, body.role):""",
        """    if False:""",
        "test_invitations",
    ),
    Mutation(
        "an invitation to a deleted organization is accepted",
        "app/services/locking.py",
        """Organization.id == organization_id, Organization.alive""",
        """Organization.id == organization_id""",
        "test_invitation_acceptance",
    ),
    Mutation(
        "an admin revokes the invitations of other organizations",
        "app/services/invitations.py",
        """Invitation.id == invitation_id, Invitation.organization_id == organization_id""",
        """Invitation.id == invitation_id""",
        "test_access",
    ),
    Mutation(
        "an invitation is accepted while it is revoked",
        "app/services/invitations.py",
        """        .with_for_update(of=Invitation)
        .execution_options(populate_existing=True)""",
        """        .execution_options(populate_existing=True)""",
        "test_invitation_races",
        ALL,
        also=(
            (
                """    try:
        await lock_organization(session, organization_id)
    except NotFound:
        return None
    return await session.scalar(
        select(Invitation)
""",
                """    return await session.scalar(
        select(Invitation)
""",
            ),
        ),
    ),
    Mutation(
        "an organization has no limit on invitations",
        "app/services/invitations.py",
        """>= MAX_OPEN:""",
        """< 0:""",
        "test_invitations",
    ),
    Mutation(
        "accepting and removing deadlock",
        "app/services/invitations.py",
        """    try:
        await lock_organization(session, organization_id)
    except NotFound:
        return None
""",
        "",
        "test_transactions",
        ALL,
    ),
    Mutation(
        "an organization can mail any number of strangers",
        "app/api/v1/invitations.py",
        """    await limiter.count(Policy.INVITATION, str(access.organization_id))\n""",
        "",
        "test_invitations",
    ),
]
