"""``gateway create-user``: the first admin, and whoever a loader needs, straight into the database."""

import argparse
import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from pydantic import ValidationError

from common.cli import Command
from common.database import Database
from common.settings import ServiceSettings
from gateway.aggregates import AGGREGATES
from gateway.users import service
from gateway.users.passwords import Passwords
from gateway.users.problems import EmailTaken
from gateway.users.repository import User
from gateway.users.roles import ROLES
from gateway.users.schemas import NewUser

GENERATED_BYTES = 15  # 20 characters


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--role", required=True, choices=ROLES, help="what the user may do")
    parser.add_argument("--email", required=True, help="address to sign in with")
    parser.add_argument("--name", help="how the user is called; by default what stands before the @")
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from standard input; else one is made and printed",
    )


async def create_user(settings: ServiceSettings, arguments: argparse.Namespace) -> int:
    """Make a user and print it as a line of JSON, with the password where it was made here."""
    given = sys.stdin.readline().rstrip("\n") if arguments.password_stdin else None
    password = given if given is not None else secrets.token_urlsafe(GENERATED_BYTES)
    try:
        body = NewUser.model_validate(
            {
                "email": arguments.email,
                "name": arguments.name or arguments.email.partition("@")[0],
                "role": arguments.role,
                "password": password,
            }
        )
    except ValidationError as error:
        for failure in error.errors(include_input=False):
            sys.stderr.write(f"{failure['loc'][0]}: {failure['msg']}\n")
        return 2
    try:
        user = await _store(settings, body, password)
    except EmailTaken as taken:
        sys.stderr.write(f"{taken.detail}\n")
        return 1
    shown = {"id": str(user.id), "email": user.email, "name": user.name, "role": user.role}
    if given is None:
        shown["password"] = password
    sys.stdout.buffer.write(orjson.dumps(shown) + b"\n")
    return 0


async def _store(settings: ServiceSettings, body: NewUser, password: str) -> User:
    hashed = await Passwords().hash(password)
    async with _database(settings) as database, database.uow() as uow:
        # the relay of a serving process publishes what this announces
        return await service.register(uow, email=body.email, name=body.name, password_hash=hashed, role=body.role)


@asynccontextmanager
async def _database(settings: ServiceSettings) -> AsyncIterator[Database]:
    database = Database.open(
        settings.database_url.get_secret_value(),
        service="gateway",
        test_clock=settings.test_clock,
        aggregates={topic.name: aggregate for topic, aggregate in AGGREGATES.items()},
    )
    try:
        yield database
    finally:
        await database.close()


async def create_users(settings: ServiceSettings, arguments: argparse.Namespace) -> int:
    """Make the users that stand on standard input, all or none; those whose address is known stay as they are."""
    try:
        bodies = [NewUser.model_validate_json(line) for line in sys.stdin.buffer if line.strip()]
    except ValidationError as error:
        for failure in error.errors(include_input=False):
            sys.stderr.write(f"{failure['loc']}: {failure['msg']}\n")
        return 2
    passwords = Passwords()
    hashes = await asyncio.gather(*(passwords.hash(body.password.get_secret_value()) for body in bodies))
    made = 0
    async with _database(settings) as database, database.uow() as uow:
        for body, hashed in zip(bodies, hashes, strict=True):
            with contextlib.suppress(EmailTaken):
                await service.register(uow, email=body.email, name=body.name, password_hash=hashed, role=body.role)
                made += 1
    sys.stderr.write(f"{made} users made, {len(bodies) - made} were there\n")
    return 0


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = 'One JSON object a line: {"role": …, "email": …, "name": …, "password": …}'


CREATE_USERS = Command("make the users given on standard input, one JSON object a line", _no_arguments, create_users)
CREATE_USER = Command("make a user, such as the first admin", _add_arguments, create_user)
