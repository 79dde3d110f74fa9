"""What ``make env`` writes beside the secrets."""

from pathlib import Path

import pytest

from quartermaster_local.secret_store import SecretStore
from quartermaster_local.suite import CONTAINERS_RECEIVER, compose_environment

COMPOSE = Path(__file__).resolve().parents[3] / "docker-compose.yml"


def test_the_demo_s_receiver_is_all_that_webhooks_may_call_in_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEMO_SHOP", raising=False)
    lines = compose_environment(SecretStore(tmp_path)).splitlines()
    assert "COMPOSE_PROFILES=demo" in lines
    assert f"WEBHOOK_ALLOWED_TARGETS={CONTAINERS_RECEIVER}" in lines
    assert f"${{PARTNERS_NETWORK:-{CONTAINERS_RECEIVER}}}" in COMPOSE.read_text()


def test_without_the_demo_webhooks_may_call_nothing_in_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_SHOP", "0")
    text = compose_environment(SecretStore(tmp_path))
    assert "DEMO_SHOP=0\n" in text
    assert "COMPOSE_PROFILES" not in text
    assert "WEBHOOK_ALLOWED_TARGETS" not in text
