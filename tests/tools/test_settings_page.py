"""The settings page says what the classes say."""

from typing import Literal

import pytest
from pydantic import Field, SecretStr

from common.settings import ServiceSettings, settings_of
from tools.settings_page import render
from tools.settings_page import settings_of as rows_of
from tools.settings_page.__main__ import PAGE, ROOT, main
from tools.settings_page.page import load


class ToySettings(ServiceSettings):
    """Some of each kind."""

    model_config = settings_of("toy")

    url: str = Field(description="Where it is | and where not.")
    token: SecretStr | None = Field(None, description="Who may.")
    mode: Literal["fast", "safe"] = Field("safe", description="How.")
    tries: int = Field(3, ge=1, le=9, description="How often.")


def test_each_setting_tells_its_variable_kind_default_and_meaning() -> None:
    rows = {name: setting.row() for name, setting in rows_of(ToySettings, prefix="TOY_").items()}
    assert rows["url"] == r"| `TOY_URL` | text | **required** | Where it is \| and where not. |"
    assert rows["token"] == "| `TOY_TOKEN` | secret | none | Who may. |"
    assert rows["mode"] == "| `TOY_MODE` | `fast` or `safe` | `safe` | How. |"
    assert rows["tries"] == "| `TOY_TRIES` | whole number, ≥ 1, ≤ 9 | `3` | How often. |"
    assert rows["events_namespace"].startswith("| `EVENTS_NAMESPACE` |")


def test_a_services_own_part_leaves_out_what_all_have() -> None:
    page = render({"toy": ToySettings})
    assert page.count("`TOY_TRIES`") == 1
    assert "TOY_PORT" not in page
    assert page.count("`<SERVICE>_PORT`") == 1


def test_a_setting_that_nobody_explains_is_refused() -> None:
    class Silent(ServiceSettings):
        """Says nothing."""

        model_config = settings_of("silent")

        depth: int = 3

    with pytest.raises(ValueError, match="SILENT_DEPTH"):
        render({"silent": Silent})


def test_every_setting_of_every_service_is_on_the_checked_in_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for name, kind in load().items():
        for setting in rows_of(kind, prefix=f"{name.upper()}_").values():
            shared = setting.variable.replace(f"{name.upper()}_", "<SERVICE>_", 1)
            assert f"`{setting.variable}`" in page or f"`{shared}`" in page
