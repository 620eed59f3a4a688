"""A dry run's outcome, as it is printed for people."""

from collections.abc import Iterator

from imgcopy_core_stubs.cli.output import write_data
from imgcopy_core_stubs.cli.sizes import format_size
from imgcopy_core_stubs.dry_run import CopyPlan, ImagePlan
from imgcopy_core_stubs.quoting import printable


def print_plan(plan: CopyPlan) -> None:
    """Write what a copy would do to standard output: each image and its layers, and the sums."""
    write_data("".join(f"{printable(line)}\n" for line in _lines(plan)).encode())


def _lines(plan: CopyPlan) -> Iterator[str]:
    for image in plan.images:
        yield f"{image.platform or 'artifact'}: {_manifest(image)}"
        for layer in image.layers:
            size = "" if layer.size is None else f" {format_size(layer.size)}"
            yield f"  {layer.digest}{size}: {layer.action.value}"
    written = format_size(plan.bytes_written)
    if unknown := plan.layers_of_unknown_size:
        layers = f"{unknown} layer{'s' * (unknown != 1)} of unknown size"
        written = f"{written} and {layers}" if plan.bytes_written else layers
    yield f"would read {format_size(plan.bytes_read)} and write {written}"


def _manifest(image: ImagePlan) -> str:
    if image.keeps_digest:
        return f"manifest {image.digest} stays"
    if image.media_type == image.stored_media_type:
        return f"manifest {image.digest} changes"
    return f"manifest {image.digest} becomes {image.stored_media_type}"
