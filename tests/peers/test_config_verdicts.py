"""What `imgcopy validate` says of values in a config is what the programs make of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from tests.peers.made_archives import Image, Writer, docker_layout, hybrid, writing
from tests.peers.readers import LOADS, LOSES, REFUSES, Readers, verdicts_of
from tests.peers.tools import Tool

pytestmark = pytest.mark.peers

_TEXTS: Final = {"a": "b"}
CONFIGS: Final[dict[str, dict[str, Any]]] = {
    "nulls": {"created": None, "author": None, "history": None, "config": None, "os": None},
    "nulls-below": {
        "config": {"Labels": {"a": None}, "Env": [None], "Cmd": None, "Volumes": {"/a": None}},
        "history": [None, {"created": None, "created_by": None}],
    },
    "unknown": {"sizes": 1, "config": {"Nothing": 1, "healthchecks": "none"}},
    "command-text": {"config": {"Cmd": "true", "Entrypoint": "sh", "Shell": "sh"}},
    "command-number": {"config": {"Cmd": 1}},
    "entrypoint-numbers": {"config": {"Entrypoint": ["sleep", 1]}},
    "labels-number": {"config": {"Labels": {"a": 1}}},
    "labels-list": {"config": {"Labels": ["a=b"]}},
    "labels-folded": {"CONFIG": {"LABELS": {"a": 1}}},
    "env-text": {"config": {"Env": "A=1"}},
    "env-object": {"config": {"Env": _TEXTS}},
    "ports-list": {"config": {"ExposedPorts": ["80/tcp"]}},
    "ports-text": {"config": {"ExposedPorts": {"80/tcp": "yes"}}},
    "ports-full": {"config": {"ExposedPorts": {"80/tcp": _TEXTS}}},
    "volumes-list": {"config": {"Volumes": ["/a"]}},
    "user-number": {"config": {"User": 1000}},
    "flag-number": {"config": {"Tty": 1}},
    "escaped-text": {"config": {"ArgsEscaped": "yes"}},
    "stop-text": {"config": {"StopTimeout": "10"}},
    "healthcheck-text": {"config": {"Healthcheck": {"Interval": "1s"}}},
    "healthcheck-fraction": {"config": {"Healthcheck": {"Retries": 1.0}}},
    "healthcheck-list": {"config": {"Healthcheck": []}},
    "container-config": {"container_config": {"Labels": {"a": 1}}},
    "config-list": {"config": []},
    "architecture-number": {"architecture": 64},
    "features-text": {"os.features": "a"},
    "version-number": {"os.version": 10},
    "size-large": {"size": 2**63},
    "size-largest": {"size": 2**63 - 1},
    "size-fraction": {"size": 1.5},
    "history-object": {"history": {}},
    "history-number": {"history": [1]},
    "history-flag": {"history": [{"empty_layer": "true"}]},
    "history-time": {"history": [{"created": "yesterday"}]},
    "rootfs-number": {"rootfs": {"type": 1}},
    "time-text": {"created": "yesterday"},
    "time-empty": {"created": ""},
    "time-number": {"created": 0},
    "time-zero": {"created": "0001-01-01T00:00:00Z"},
    "time-year-0": {"created": "0000-02-29T00:00:00Z"},
    "time-leap-day": {"created": "2024-02-29T23:59:59.123456789+14:00"},
    "time-no-leap-day": {"created": "2023-02-29T00:00:00Z"},
    "time-leap-second": {"created": "2016-12-31T23:59:60Z"},
    "time-lower": {"created": "2024-01-01t00:00:00z"},
    "time-blank": {"created": "2024-01-01 00:00:00Z"},
    "time-no-zone": {"created": "2024-01-01T00:00:00"},
    "time-hour-24": {"created": "2024-01-01T24:00:00Z"},
    "os-windows": {"os": "windows"},
    "os-unknown": {"os": "haiku"},
    "os-upper": {"os": "Linux"},
    "os-empty": {"os": ""},
}
OF_THIS_MACHINE: Final = "ctr images import"
"""It takes from `manifest.json` what this machine can run, and all with `--all-platforms`."""


@pytest.mark.parametrize("layout", [docker_layout, hybrid])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_programs_take_or_refuse_a_config_as_is_said(
    imgcopy: Tool,
    readers: Readers,
    tmp_path: Path,
    layout: Callable[[Writer, Image], None],
    name: str,
) -> None:
    plain = Image.called(f"example.org/{layout.__name__.replace('_', '-')}-{name}")
    config = json.loads(plain.config)
    rootfs = {**config["rootfs"], **CONFIGS[name].get("rootfs", {})}
    image = evolve(plain, config=json.dumps({**config, **CONFIGS[name], "rootfs": rootfs}).encode())
    archive = tmp_path / "archive.tar"
    with writing(archive) as writer:
        layout(writer, image)
    said = verdicts_of(imgcopy, archive)

    done = readers.outcomes(archive, image, "")

    if layout is docker_layout:  # it has no digest to lose
        done = {reader: LOADS if outcome == LOSES else outcome for reader, outcome in done.items()}
    if layout is docker_layout and CONFIGS[name].get("os") in ("windows", "haiku"):
        assert done.pop(OF_THIS_MACHINE) == REFUSES
    if layout is hybrid and name == "architecture-number":  # invalid: only refusals are told
        assert done.pop("skopeo oci-archive:") == LOADS
    assert done == {reader: said.get(reader) for reader in done}
