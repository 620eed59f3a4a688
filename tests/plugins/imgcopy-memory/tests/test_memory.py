import pytest
from attrs import evolve
from imgcopy_core_stubs.conformance import ConformanceSuite, Place

from imgcopy_memory.destination import Existing, MemoryOptions
from imgcopy_memory.plugin import MemoryTransport


class TestMemory(ConformanceSuite):
    @pytest.fixture(params=Existing)
    def place(self, request: pytest.FixtureRequest) -> Place:
        options = MemoryOptions(existing=request.param)
        return evolve(MemoryTransport().conformance_place(), destination_options=options)
