"""Who may do what: tenants, ranks, administrators."""

from tests.mutations.mutation import ALL, Mutation

RIGHTS = [
    Mutation(
        "everyone is an administrator",
        "app/api/callers.py",
        """    if user.role is not UserRole.ADMIN:\n        raise Forbidden\n""",
        "",
        "test_access",
    ),
    Mutation(
        "a viewer may do what members may",
        "app/api/callers.py",
        """if membership.role.rank < self.least.rank:""",
        """if False:""",
        "test_access",
    ),
    Mutation(
        "a non-member learns that an organization exists",
        "app/api/callers.py",
        """            raise NotFound("Organization not found")""",
        """            raise Forbidden""",
        "test_access",
    ),
    Mutation(
        "every user counts as a member",
        "app/services/auth.py",
        """ & (Membership.user_id == User.id),""",
        """,""",
        "test_access",
    ),
    Mutation(
        "a project is found through any organization",
        "app/services/projects.py",
        """        Project.id == project_id, Project.organization_id == organization_id""",
        """        Project.id == project_id""",
        "test_access",
    ),
    Mutation(
        "a deleted organization is still found",
        "app/services/auth.py",
        """(Organization.slug == bindparam("slug")) & Organization.alive""",
        """(Organization.slug == bindparam("slug"))""",
        "test_organizations test_stale_rights",
    ),
    Mutation(
        "an admin manages other admins",
        "app/core/roles.py",
        """member.rank < actor.rank""",
        """member.rank <= actor.rank""",
        "test_members",
    ),
    Mutation(
        "an admin makes owners",
        "app/core/roles.py",
        """ and role.rank <= actor.rank""",
        "",
        "test_members",
    ),
    Mutation(
        "a role is granted without checking the caller's own role",
        "app/services/memberships.py",
        """    if not (may_manage(actor.role, member.role) and may_grant(actor.role, role)):""",
        """    if not may_manage(actor.role, member.role):""",
        "test_members",
    ),
    Mutation(
        "rights are read before the organization is locked",
        "app/services/memberships.py",
        """        .execution_options(populate_existing=True)\n""",
        "",
        "test_ownership_races",
        ALL,
    ),
    Mutation(
        "two owners leave at once",
        "app/services/locking.py",
        """await session.scalar(alive.with_for_update())""",
        """await session.scalar(alive)""",
        "test_ownership_races",
        ALL,
    ),
    Mutation(
        "the last owner leaves",
        "app/services/memberships.py",
        """    await _keep_an_owner(session, member)
    await session.delete(member)""",
        """    await session.delete(member)""",
        "test_ownership",
    ),
    Mutation(
        "the last administrator deletes their account",
        "app/services/users.py",
        """    if admins and not any(""",
        """    if False and not any(""",
        "test_me",
    ),
    Mutation(
        "two administrators remove one another",
        "app/services/users.py",
        """        .with_for_update(key_share=True)""",
        "",
        "test_administrators",
        ALL,
    ),
    Mutation(
        "administrators remove themselves",
        "app/services/users.py",
        """    if admin is not None and admin.id == user_id:""",
        """    if False:""",
        "test_administrators",
    ),
    Mutation(
        "an inactive user becomes the owner",
        "app/services/memberships.py",
        """    if not member.user.is_active:""",
        """    if False:""",
        "test_ownership",
    ),
    Mutation(
        "a user deleted at the same moment becomes the owner",
        "app/services/organizations.py",
        """    await lock_user(session, user.id)\n""",
        "",
        "test_transactions",
        ALL,
    ),
    Mutation(
        "a former owner deletes an organization",
        "app/services/organizations.py",
        """    if (await details(session, owner)).role is not MemberRole.OWNER:
        raise Forbidden
""",
        "",
        "test_stale_rights",
    ),
]
