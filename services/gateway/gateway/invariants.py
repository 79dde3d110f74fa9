"""What must always hold in the gateway's database."""

from common.invariants import Invariant, invariant


@invariant
def every_user_was_announced() -> str:
    """Each user has published user.registered: its event sequence is at least 1.

    A violation means that a login was written around the use case. Orders knows no customer for it, and staff gets no
    mail. Find who writes to the table, then publish the event by hand.
    """
    return "SELECT id, role, event_sequence FROM users WHERE event_sequence < 1"


@invariant
def one_live_refresh_token_per_sign_in() -> str:
    """At most one token of a family is neither used nor revoked.

    A violation means that the unique index is gone, and that a stolen refresh token may go unnoticed. Revoke the
    families listed, then restore the index uq_refresh_token_live_family.
    """
    return """
        SELECT family_id, count(*) AS live FROM refresh_token WHERE used_at IS NULL AND revoked_at IS NULL
        GROUP BY family_id HAVING count(*) > 1
    """


@invariant
def no_disabled_user_has_live_tokens() -> str:
    """A disabled user has no live refresh token.

    A violation means that disabling did not end the user's sign-ins; they cannot be refreshed, but come back to life
    when the user is enabled again. Revoke the tokens of the users listed.
    """
    return """
        SELECT u.id, count(*) AS live FROM users AS u JOIN refresh_token AS t ON t.user_id = u.id
        WHERE u.status = 'disabled' AND t.used_at IS NULL AND t.revoked_at IS NULL GROUP BY u.id
    """


@invariant
def used_tokens_have_a_successor() -> str:
    """A refresh token that was exchanged stands beside a later one of its family.

    A violation means that an exchange committed without the token that it gave out: that sign-in is stuck, and its user
    has to sign in again. Look for writes to the table outside the use case.
    """
    return """
        SELECT t.id, t.family_id FROM refresh_token AS t WHERE t.used_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM refresh_token AS s WHERE s.family_id = t.family_id AND s.created_at >= t.used_at)
    """


INVARIANTS: tuple[Invariant, ...] = (
    every_user_was_announced,
    one_live_refresh_token_per_sign_in,
    no_disabled_user_has_live_tokens,
    used_tokens_have_a_successor,
)
