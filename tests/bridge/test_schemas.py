import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from reenact_bridge.callers import ROLES
from reenact_bridge.errors import ProtocolError
from reenact_bridge.render_job import settings_of
from reenact_bridge.schemas import MESSAGES, check, schema
from reenact_bridge.settings_schema import settings_schema
from reenact_core.head.regions import RegionStrengths
from reenact_core.settings import Settings, to_table


def test_every_request_has_its_schemas_its_roles_and_its_place_on_the_page(
    repository: Path,
) -> None:
    page = (repository / "docs" / "reference" / "bridge-protocol.md").read_text("utf-8")
    assert set(MESSAGES) == set(ROLES)
    for name in MESSAGES:
        assert schema(f"{name}.request")["type"] == "object"
        schema(f"{name}.reply")
        assert f"### {name}" in page or f", {name}\n" in page


def test_no_schema_lies_about_unused() -> None:
    known = {f"{name}.json" for name in MESSAGES}
    known |= {f"{name}.json" for name in ("header", "error", "event", "job", "options")}
    known |= {"pixels.json", "connection.json"}
    found = {item.name for item in files("reenact_bridge.schemas").iterdir()}
    assert {name for name in found if name.endswith(".json")} == known


def test_every_field_of_a_request_is_on_the_page(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "bridge-protocol.md").read_text("utf-8")
    for name in MESSAGES:
        for field in schema(f"{name}.request").get("properties", {}):
            assert f"`{field}`" in page, (name, field)
    for option in schema("options")["properties"]:
        assert f"`{option}`" in page, option


def test_every_request_has_an_example_on_the_page_that_its_schemas_take(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "bridge-protocol.md").read_text("utf-8")
    requests = page.partition("## Requests\n")[2].partition("## Events\n")[0]
    found = list[str]()
    for part in requests.split("\n### ")[1:]:
        names = part.partition("\n")[0].split(", ")
        examples = re.findall(r"```json\n(.*?)```", part, re.DOTALL)
        for name, example in zip(names, examples, strict=True):
            bodies = json.loads(example)
            check(f"{name}.request", bodies["request"])
            check(f"{name}.reply", bodies["reply"])
            found.append(name)
    assert sorted(found) == sorted(MESSAGES)


def test_options_of_motion_are_settings_of_motion() -> None:
    options: dict[str, Any] = {"reader": "mesh", "expression": "absolute", "pose": "relative"}
    options["strengths"] = {"mouth": 0.5}
    check("options", options)
    read = settings_of({**options, "settings": {"motion": {"pose": "absolute"}}}, {}).motion
    assert (read.reader, read.expression, read.pose) == ("mesh", "absolute", "relative")
    assert read.strengths == RegionStrengths(mouth=0.5)
    with pytest.raises(ProtocolError, match="mouth"):
        check("options", {"strengths": {"mouth": 1.6}})


def test_what_is_wrong_is_pointed_at() -> None:
    body = {"job": "0" * 32, "seq": 0, "limit": 0}
    with pytest.raises(ProtocolError) as error:
        check("events.since.request", body)
    assert error.value.detail["pointer"] == "/limit"


def test_the_settings_schema_holds_the_defaults() -> None:
    def compare(said: dict[str, Any], value: Any) -> None:
        if not isinstance(value, dict):
            assert said["default"] == value and said["description"]
            return
        for name, inner in value.items():
            compare(said["properties"][name], inner)

    made = settings_schema()
    compare(made, to_table(Settings()))
    assert json.dumps(made)
