"""The script that pages load."""

from common.testing import Api
from metrics.collect.script import SCRIPT

MOST_BYTES = 3 * 1024


async def test_the_script_is_small_and_read_once(api: Api) -> None:
    answer = await api.get("/v1/collect.js")
    assert (answer.status_code, answer.content) == (200, SCRIPT)
    assert len(answer.content) <= MOST_BYTES
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    again = await api.get("/v1/collect.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert (await api.get("/v1/collect.js", headers={"If-None-Match": '"other"'})).status_code == 200


def test_the_script_keeps_nothing_on_the_device() -> None:
    text = SCRIPT.decode()
    for storage in ("cookie =", ".cookie", "localStorage", "sessionStorage", "indexedDB", "caches."):
        assert storage not in text
