"""Platforms: parsing, choosing among what is offered, overriding."""

import os
from types import SimpleNamespace

import pytest

from imgcopy_core_stubs import Platform


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/arm/v7", Platform("linux", "arm", "v7")),
        ("windows/amd64", Platform("windows", "amd64")),
        ("linux/mips64le", Platform("linux", "mips64le")),
    ],
)
def test_parsing(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform
    assert str(platform) == text


@pytest.mark.parametrize(
    "text",
    ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux//v7", "linux/amd64\n", "Linux/amd64",
     "linux/ amd64", "../amd64", "linux/-"],
)  # fmt: skip
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be OS/ARCHITECTURE\[/VARIANT\]"):
        Platform.parse(text)


def test_what_is_unknown_is_printed_so() -> None:
    assert str(Platform()) == "unknown/unknown"
    assert str(Platform("linux", "arm", "v7", os_version="1")) == "linux/arm/v7"


# Best first: the order of containers/image, in which an empty variant is always acceptable.
PREFERENCES = {
    "linux/amd64": ["linux/amd64", "linux/amd64/v1", "linux/amd64/v2", "linux/amd64/v3"],
    "linux/amd64/v3": ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64/v1", "linux/amd64"],
    "linux/amd64/v1": ["linux/amd64/v1", "linux/amd64"],
    "linux/arm": [
        "linux/arm",
        "linux/arm/v8",
        "linux/arm/v7",
        "linux/arm/v6",
        "linux/arm/v5",
        "linux/arm/v9",
    ],
    "linux/arm/v7": ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "linux/arm"],
    "linux/arm/v5": ["linux/arm/v5", "linux/arm"],
    "linux/arm64": ["linux/arm64", "linux/arm64/v8", "linux/arm64/v9"],
    "linux/arm64/v8": ["linux/arm64/v8", "linux/arm64"],
    "linux/s390x": ["linux/s390x", "linux/s390x/z15"],
    "linux/riscv64/rva22": ["linux/riscv64/rva22", "linux/riscv64"],
}


@pytest.mark.parametrize("wanted", PREFERENCES)
def test_variants_rank_from_best_to_worst(wanted: str) -> None:
    ranks = [
        Platform.parse(wanted).rank(Platform.parse(offered)) for offered in PREFERENCES[wanted]
    ]
    assert ranks[0] == 0
    assert all(rank is not None for rank in ranks)
    assert ranks == sorted({rank for rank in ranks if rank is not None})


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ("linux/amd64", "windows/amd64"),
        ("linux/amd64", "linux/arm64"),
        ("linux/amd64", "linux/386"),
        ("linux/arm64", "linux/arm/v8"),
        ("linux/amd64/v2", "linux/amd64/v3"),
        ("linux/arm/v6", "linux/arm/v7"),
        ("linux/arm/v5", "linux/arm/v6"),
        ("linux/arm64/v8", "linux/arm64/v9"),
        ("linux/s390x/z15", "linux/s390x/z16"),
    ],
)
def test_what_does_not_fit(wanted: str, offered: str) -> None:
    assert Platform.parse(wanted).rank(Platform.parse(offered)) is None


def test_an_unknown_platform_fits_nobody() -> None:
    assert Platform("linux", "amd64").rank(Platform()) is None
    assert Platform("linux", "amd64").rank(Platform("unknown", "unknown")) is None


def test_the_version_of_the_system_counts_only_where_it_is_wanted() -> None:
    old = Platform("windows", "amd64", os_version="10.0.17763.1")
    assert Platform("windows", "amd64").rank(old) == 0
    assert old.rank(old) == 0
    assert old.rank(Platform("windows", "amd64", os_version="10.0.20348.1")) is None
    assert old.rank(Platform("windows", "amd64")) is None


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        ("linux/arm/v7", {}, "linux/arm/v7"),
        ("linux/arm/v7", {"os": "windows"}, "windows/arm/v7"),
        ("linux/arm/v7", {"architecture": "arm"}, "linux/arm/v7"),
        ("linux/arm/v7", {"architecture": "amd64"}, "linux/amd64"),
        ("linux/arm/v7", {"architecture": "arm64", "variant": "v8"}, "linux/arm64/v8"),
        ("linux/arm/v7", {"variant": "v6"}, "linux/arm/v6"),
        ("linux/arm/v7", {"variant": ""}, "linux/arm"),
        ("linux/amd64", {"os": "", "architecture": ""}, "linux/amd64"),
    ],
)
def test_overrides(base: str, changes: dict[str, str], expected: str) -> None:
    assert str(Platform.parse(base).override(**changes)) == expected


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("x86_64", "linux/amd64"),
        ("i686", "linux/386"),
        ("aarch64", "linux/arm64/v8"),
        ("armv7l", "linux/arm/v7"),
        ("armv6l", "linux/arm/v6"),
        ("s390x", "linux/s390x"),
        ("ppc64le", "linux/ppc64le"),
        ("riscv64", "linux/riscv64"),
    ],
)
def test_this_machine(machine: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    assert str(Platform.of_this_machine()) == expected
