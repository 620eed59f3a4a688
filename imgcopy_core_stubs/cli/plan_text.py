"""A dry run's outcome, as it is printed for people."""

from collections.abc import Iterator, Sequence

from imgcopy_core_stubs.cli.output import write_data
from imgcopy_core_stubs.cli.sizes import format_size
from imgcopy_core_stubs.dry_run import CopyPlan, ImagePlan
from imgcopy_core_stubs.quoting import printable


def print_plans(plans: Sequence[CopyPlan]) -> None:
    """Write what copies would do to standard output: each image and its layers, and the sums."""
    write_data("".join(f"{printable(line)}\n" for line in _lines(plans)).encode())


def _lines(plans: Sequence[CopyPlan]) -> Iterator[str]:
    for plan in plans:
        if len(plans) > 1:
            yield f"{plan.source}:"
        for image in plan.images:
            yield f"{image.platform or 'artifact'}: {_manifest(image)}"
            for layer in image.layers:
                size = "" if layer.size is None else f" {format_size(layer.size)}"
                yield f"  {layer.digest}{size}: {layer.action.value}"
    bytes_written = sum(plan.bytes_written for plan in plans)
    written = format_size(bytes_written)
    if unknown := sum(plan.layers_of_unknown_size for plan in plans):
        layers = f"{unknown} layer{'s' * (unknown != 1)} of unknown size"
        written = f"{written} and {layers}" if bytes_written else layers
    read = format_size(sum(plan.bytes_read for plan in plans))
    yield f"would read {read} and write {written}"


def _manifest(image: ImagePlan) -> str:
    if image.keeps_digest:
        return f"manifest {image.digest} stays"
    if image.media_type == image.stored_media_type:
        return f"manifest {image.digest} changes"
    return f"manifest {image.digest} becomes {image.stored_media_type}"
