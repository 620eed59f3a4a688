import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs.cli.sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1000000", 1_000_000),
        ("10b", 10),
        ("1k", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("512MiB", 536_870_912),
        ("2GB", 2_000_000_000),
        ("2 gb", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("0.5k", 500),
        ("1T", 10**12),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.1", "-1", "1XB", "MB", "1,5GB", "1e3", "٣", "1 MB x", "1MB\n", "9" * 5000, "8EB"],
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


def test_one_more_than_the_largest_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to 9223372036854775807 bytes"):
        parse_size(str(2**63))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (120_340_000, "120.3 MB"),
        (2.5e9, "2.5 GB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_sizes_as_people_read_them(size: float, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(min_value=1000, max_value=2**60))
def test_a_size_that_is_shown_can_be_entered(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.06)
