import pytest

from .images import Image, make_image


@pytest.fixture
def image() -> Image:
    return make_image(b"base layer", b"top layer" * 200, architecture="amd64", os="linux")
