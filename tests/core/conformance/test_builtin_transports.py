"""`oci:` and `dir:` keep every law, whatever their options."""

import pytest

from imgcopy_core_stubs import LayerCompression
from imgcopy_core_stubs.conformance import (
    LAWS,
    ConformanceSuite,
    DestinationSuite,
    Place,
    run_laws,
)
from imgcopy_core_stubs.conformance.formats import oci_layout, skopeo_directory
from imgcopy_core_stubs.transports import (
    DirDestinationOptions,
    DirTransport,
    ExistingDirectory,
    OciDestinationOptions,
    OciTransport,
)


class TestOci(ConformanceSuite):
    @pytest.fixture
    def place(self) -> Place:
        return Place(
            OciTransport(),
            oci_layout.new_reference,
            oci_layout.stored,
            new_collection=oci_layout.new_collection,
            references=("layout", "layout:app", "layout:@1", r"a\:b:app", r"a\\b", "a\\b:x/y:1.0"),
            malformed=("", ":app", "layout:", "layout:@x", "a\0b", "layout:app:" + 129 * "t"),
        )


@pytest.mark.parametrize("layers", LayerCompression)
def test_a_layout_whose_layers_are(layers: LayerCompression) -> None:
    place = Place(
        OciTransport(),
        oci_layout.new_reference,
        oci_layout.stored,
        new_collection=oci_layout.new_collection,
        destination_options=OciDestinationOptions(layers=layers),
    )
    words = ("compression", "indexes", "fits", "comes back", "copy of the copy")
    laws = [law for law in LAWS if any(word in law.title for word in words)]
    assert [outcome.text for outcome in run_laws(place, laws) if outcome.problem] == []


class TestDir(ConformanceSuite):
    @pytest.fixture
    def place(self) -> Place:
        return Place(
            DirTransport(),
            skopeo_directory.new_reference,
            skopeo_directory.stored,
            references=("image", "a:b", "a/b/", "../image"),
            malformed=("", "a\0b"),
        )


class TestDirThatReplaces(DestinationSuite):
    @pytest.fixture
    def place(self) -> Place:
        options = DirDestinationOptions(existing=ExistingDirectory.REPLACE)
        return Place(
            DirTransport(),
            skopeo_directory.new_reference,
            skopeo_directory.stored,
            destination_options=options,
        )
