"""What can go wrong with users."""

from common.problems import Conflict


class EmailTaken(Conflict):
    """Someone signs in with this e-mail address already. Sign in, or register with another one."""

    slug, title = "email-taken", "The e-mail address is taken"

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} belongs to a login already; sign in, or use another address.")
