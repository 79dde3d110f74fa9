"""What can go wrong with customers and their addresses."""

from uuid import UUID

from common.problems import Conflict, NotFound


class AddressNotFound(NotFound):
    """The address book has no address of this id."""

    slug, title = "address-not-found", "No such address"

    def __init__(self, address_id: UUID) -> None:
        super().__init__(f"Your address book has no address {address_id}.")


class AddressBookFull(Conflict):
    """An address book holds at most 50 addresses. Delete one first."""

    slug, title = "address-book-full", "The address book is full"
