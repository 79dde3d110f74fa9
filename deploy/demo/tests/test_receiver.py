"""The receiver writes down what comes, and nothing gets lost or changed on the way."""

from pathlib import Path

import httpx2
import pytest

from partner_kit import sign, verify
from quartermaster_demo import receiver
from quartermaster_demo.receiver import Box, Post, create_app, opened

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def client(tmp_path: Path) -> httpx2.AsyncClient:
    """A sender, and a receiver in the same process."""
    transport = httpx2.ASGITransport(app=create_app(tmp_path))
    return httpx2.AsyncClient(transport=transport, base_url="http://receiver")


@pytest.mark.parametrize(
    "body",
    ['{"title": "Crème, \u2028 \U0001f9f5"}'.encode(), b"\xff\x00\n\r\n", b""],
    ids=["text", "no text", "nothing"],
)
async def test_a_delivery_is_kept_in_the_bytes_that_came(
    client: httpx2.AsyncClient, tmp_path: Path, body: bytes
) -> None:
    answer = await client.post("/demo-1", content=body, headers={"Webhook-Id": "a"})

    assert answer.status_code == httpx2.codes.NO_CONTENT
    (post,) = Box(tmp_path, "demo-1").posts()
    assert post.body == body
    assert post.headers["webhook-id"] == "a"


async def test_what_was_kept_can_be_verified(tmp_path: Path) -> None:
    """Over a real connection, as the shop sends it."""
    body, at = b'{"id": "a"}', 1_800_000_000
    headers = {"webhook-id": "a", "webhook-timestamp": str(at), "webhook-signature": sign(SECRET, "a", at, body)}
    async with opened(tmp_path) as url, httpx2.AsyncClient() as sender:
        await sender.post(f"{url}/demo-1", content=body, headers=headers)

    (post,) = Box(tmp_path, "demo-1").posts()

    assert verify(SECRET, post.headers, post.body, now=at).id == "a"


async def test_each_webhook_has_a_box_of_its_own(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    for name, content in (("one", b"1"), ("two", b"2"), ("one", b"3")):
        await client.post(f"/{name}", content=content)

    assert [post.body for post in Box(tmp_path, "one").posts()] == [b"1", b"3"]
    Box(tmp_path, "one").remove()
    assert [post.body for name in ("one", "two") for post in Box(tmp_path, name).posts()] == [b"2"]


@pytest.mark.parametrize("name", ["%2e%2e", "UPPER", "a" * 41, "a%2fb"])
async def test_a_box_is_never_a_path(client: httpx2.AsyncClient, tmp_path: Path, name: str) -> None:
    answer = await client.post(f"/{name}", content=b"x")

    assert answer.status_code == httpx2.codes.NOT_FOUND
    assert files_in(tmp_path) == []


async def test_what_is_too_large_is_refused(
    client: httpx2.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "LARGEST_BODY", 10)
    assert (await client.post("/one", content=b"x" * 11)).status_code == httpx2.codes.CONTENT_TOO_LARGE
    monkeypatch.setattr(receiver, "LARGEST_BOX", 10)
    assert (await client.post("/one", content=b"x")).status_code == httpx2.codes.INSUFFICIENT_STORAGE
    assert Box(tmp_path, "one").posts() == []


def test_a_line_that_is_half_written_is_not_read(tmp_path: Path) -> None:
    box = Box(tmp_path, "one")
    box.add(Post(1.5, {"a": "b"}, b"whole"))
    with (tmp_path / "one.jsonl").open("a") as file:
        file.write('{"at": 2.5, "hea')

    assert box.posts() == [Post(1.5, {"a": "b"}, b"whole")]


def files_in(folder: Path) -> list[Path]:
    """What lies in a folder."""
    return list(folder.iterdir())
