"""Values of a config, held against what docker, podman, skopeo and ctr were seen to take."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_docker_archive.examining._config_types import not_docker, not_oci

ROOTFS = {"type": "layers", "diff_ids": []}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"created": None, "author": None, "history": None, "config": None, "os": None},
        {"config": {"Labels": {"a": None}, "Env": [None], "Cmd": None, "Volumes": {"/a": None}}},
        {"history": [None, {"created": None, "created_by": None, "empty_layer": None}]},
        {"history": [{"created": "2024-01-01T00:00:00Z", "empty_layer": True, "comment": "c"}]},
        {"sizes": 1, "config": {"Nothing": 1, "healthchecks": "none"}, "history": [{"size": "1"}]},
        {"config": {"ExposedPorts": {"80/tcp": {"a": "b"}}}},
        {"config": {"Cmd": ["sh"], "Entrypoint": [], "Labels": {}, "ArgsEscaped": True}},
        {"config": {"config": 1, "os": 1}},  # not at the top, where they have types
        {"rootfs": ROOTFS, "os": "linux", "os.features": ["a"]},
    ],
)
def test_what_both_formats_take(config: dict[str, Any]) -> None:
    assert not_docker(config) == not_oci(config) == ""


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"config": {"Cmd": 1}}, '"config.Cmd" must be a list of strings'),
        ({"config": {"Entrypoint": ["sleep", 1]}}, '"config.Entrypoint" must be a list of strings'),
        ({"config": {"Env": "A=1"}}, '"config.Env" must be a list of strings'),
        ({"config": {"Env": {"A": "1"}}}, '"config.Env" must be a list of strings'),
        ({"config": {"Labels": {"a": 1}}}, '"config.Labels" must be an object of strings'),
        ({"config": {"Labels": ["a=b"]}}, '"config.Labels" must be an object of strings'),
        ({"CONFIG": {"LABELS": {"a": 1}}}, '"CONFIG.LABELS" must be an object of strings'),
        (
            {"config": {"ExposedPorts": ["80"]}},
            '"config.ExposedPorts" must be an object of objects',
        ),
        ({"config": {"Volumes": {"/a": "b"}}}, '"config.Volumes" must be an object of objects'),
        ({"config": {"User": 1000}}, '"config.User" must be a string'),
        ({"config": {"ArgsEscaped": 1}}, '"config.ArgsEscaped" must be true or false'),
        ({"config": []}, '"config" must be an object'),
        ({"os.version": 10}, '"os.version" must be a string'),
        ({"os.features": "a"}, '"os.features" must be a list of strings'),
        ({"rootfs": {"type": 1}}, '"rootfs.type" must be a string'),
        ({"history": {}}, '"history" must be a list of objects'),
        ({"history": [1]}, '"history" must be a list of objects'),
        ({"history": [{}, {"created_by": 1}]}, '"history[1].created_by" must be a string'),
        ({"history": [{"empty_layer": 1}]}, '"history[0].empty_layer" must be true or false'),
        ({"history": [{"created": "now"}]}, '"history[0].created" must be a time as in RFC 3339'),
        ({"created": 0}, '"created" must be a time as in RFC 3339'),
    ],
)
def test_what_no_format_takes(config: dict[str, Any], problem: str) -> None:
    assert not_docker(config).startswith(problem)
    assert not_oci(config).startswith(problem)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"config": {"Tty": 1}}, '"config.Tty" must be true or false'),
        ({"config": {"StopTimeout": "10"}}, '"config.StopTimeout" must be an integer of 64 bits'),
        ({"config": {"StopTimeout": True}}, '"config.StopTimeout" must be an integer of 64 bits'),
        ({"config": {"Healthcheck": []}}, '"config.Healthcheck" must be an object'),
        (
            {"config": {"Healthcheck": {"Interval": "1s"}}},
            '"config.Healthcheck.Interval" must be an integer of 64 bits',
        ),
        (
            {"container_config": {"Labels": {"a": 1}}},
            '"container_config.Labels" must be an object of strings',
        ),
        ({"size": 2**63}, '"size" must be an integer of 64 bits'),
        ({"size": -(2**63) - 1}, '"size" must be an integer of 64 bits'),
    ],
)
def test_what_only_docker_knows(config: dict[str, Any], problem: str) -> None:
    assert not_docker(config) == problem
    assert not_oci(config) == ""


def test_the_ends_of_the_integers() -> None:
    assert not_docker({"size": 2**63 - 1}) == not_docker({"size": -(2**63)}) == ""


def test_only_docker_takes_a_command_in_one_string() -> None:
    config: dict[str, Any] = {"config": {"Cmd": "true"}}

    assert not_docker(config) == ""
    assert not_oci(config) == '"config.Cmd" must be a list of strings'


@given(st.datetimes(), st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
def test_times_that_are_taken(moment: datetime, offset: timedelta) -> None:
    zone = timezone(timedelta(minutes=offset // timedelta(minutes=1)))
    for text in (f"{moment.isoformat()}Z", moment.replace(tzinfo=zone).isoformat()):
        assert not_oci({"created": text}) == ""


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("0001-01-01T00:00:00Z", True),
        ("0000-02-29T00:00:00Z", True),
        ("2024-02-29T23:59:59.123456789+14:00", True),
        ("2023-02-29T00:00:00Z", False),
        ("2023-00-01T00:00:00Z", False),
        ("2016-12-31T23:59:60Z", False),
        ("2024-01-01T24:00:00Z", False),
        ("2024-01-01T00:60:00Z", False),
        ("2024-01-01t00:00:00z", False),
        ("2024-01-01 00:00:00Z", False),
        ("2024-01-01T00:00:00", False),
        ("2024-01-01T00:00:00.Z", False),
        ("2024-01-01T00:00:00+24:00", False),
        ("٢٠٢٤-01-01T00:00:00Z", False),
        ("", False),
        ("yesterday", False),
    ],
)
def test_times(text: str, is_taken: bool) -> None:
    assert (not_docker({"created": text}) == "") is is_taken
