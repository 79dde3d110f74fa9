"""A receiver of webhooks that believes nothing: it writes each delivery down as it came.

It holds no secret. Whoever registered the webhook has it, and verifies afterwards what was written: the very headers
and bytes that arrived. The demo opens one for itself; beside containers it is one:

    python -m quartermaster_demo.receiver --host 0.0.0.0 --port 8080 --folder /data/received
"""

import argparse
import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 5 * 1024 * 1024  # a product's event has at most 4 MiB of data
LARGEST_BOX = 64 * 1024 * 1024  # a receiver that is forgotten must not fill the disk
BOX = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True)
class Post:
    """A delivery as it came: header names in lower case, ``at`` in Unix seconds."""

    at: float
    headers: Mapping[str, str]
    body: bytes


class Box:
    """The deliveries of one webhook, a line each in a file of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f"{name}.jsonl"

    def add(self, post: Post) -> bool:
        """Write a delivery down; returns whether there was room for it."""
        text = post.body.decode("utf-8", "surrogateescape")  # whatever bytes came, they come back the same
        line = json.dumps({"at": post.at, "headers": dict(post.headers), "body": text})
        with self._file.open("a", encoding="ascii") as file:
            if file.tell() + len(line) > LARGEST_BOX:
                return False
            file.write(line + "\n")
        return True

    def posts(self) -> list[Post]:
        """All that was written whole, in the order in which it came."""
        if not self._file.exists():
            return []
        lines = self._file.read_text(encoding="ascii").splitlines(keepends=True)
        return [_read(line) for line in lines if line.endswith("\n")]

    def remove(self) -> None:
        """Forget them all."""
        self._file.unlink(missing_ok=True)


def _read(line: str) -> Post:
    fields = json.loads(line)
    return Post(fields["at"], fields["headers"], fields["body"].encode("utf-8", "surrogateescape"))


def create_app(folder: Path) -> Starlette:
    """POST /<box> keeps what comes, and says so with 204 once it is written."""
    folder.mkdir(parents=True, exist_ok=True)

    async def receive(request: Request) -> Response:
        name = request.path_params["box"]
        if not BOX.fullmatch(name):
            raise HTTPException(404, "A box is called by small letters, digits and hyphens.")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                raise HTTPException(413, f"A delivery has at most {LARGEST_BODY:,} bytes.")
        if not Box(folder, name).add(Post(time.time(), dict(request.headers), body)):
            raise HTTPException(507, f"The box is full: it holds {LARGEST_BOX:,} bytes.")
        return Response(status_code=204)

    async def alive(request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/livez", alive), Route("/{box}", receive, methods=["POST"])])


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[str]:
    """Receive on a free port of this machine for the block; the URL."""
    listening = socket.create_server((LOOPBACK, 0))
    config = uvicorn.Config(create_app(folder), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await serving


def main(arguments: list[str] | None = None) -> int:
    """Receive until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="receiver", description="Write down the webhooks that come.")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--folder", type=Path, required=True, help="folder that keeps them, a file for each webhook")
    given = parser.parse_args(arguments)
    uvicorn.run(create_app(given.folder), host=given.host, port=given.port, log_level="warning", lifespan="off")
    return 0


if __name__ == "__main__":
    sys.exit(main())
