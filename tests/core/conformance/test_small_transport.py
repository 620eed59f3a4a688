"""A small transport that is right keeps every law."""

import pytest

from imgcopy_core_stubs.conformance import ConformanceSuite, Place
from tests.core.conformance.places import shelf_place


class TestShelf(ConformanceSuite):
    @pytest.fixture
    def place(self) -> Place:
        return shelf_place()
