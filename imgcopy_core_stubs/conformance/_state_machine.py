"""The state machine behind the law about any order of calls. Needs hypothesis."""

from contextlib import suppress
from typing import Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky as Unstable
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from imgcopy_core_stubs.conformance.checking import require_nothing_else, require_stored
from imgcopy_core_stubs.conformance.errors import LawBroken
from imgcopy_core_stubs.conformance.images import Blob, Image, build_image_for, new_layer
from imgcopy_core_stubs.conformance.laws.reuse import try_reusing
from imgcopy_core_stubs.conformance.lies import (
    breaking,
    one_byte_long,
    one_byte_short,
    wrong_digest,
)
from imgcopy_core_stubs.conformance.storing import commit, put_manifest, verified
from imgcopy_core_stubs.conformance.streams import Pieces
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import (
    calling,
    expecting,
    require,
    require_instance,
)
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DestinationError, DestinationStateError
from imgcopy_core_stubs.transport import BlobInfo

__all__ = ["Unstable", "run_state_machine"]

_BLOBS: Final = 4
_NUMBERS: Final = st.integers(0, _BLOBS - 1)
_EXAMPLES: Final = 25
_STEPS: Final = 10
_SETTINGS: Final = settings(
    max_examples=_EXAMPLES,
    stateful_step_count=_STEPS,
    derandomize=True,  # the same verdict every time
    database=None,
    deadline=None,
    print_blob=False,
    report_multiple_bugs=False,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
_LIES: Final = (
    wrong_digest,
    one_byte_short,
    one_byte_long,
    breaking(0),
    breaking(1),
    breaking(1, is_known=False),
)


def run_state_machine(subject: Subject) -> None:
    """Try sequences of calls.

    Raises:
        LawBroken: One of them does not do what the model says; its notes list the shortest found.
        Unstable: The same calls had different results.
    """
    machine = type("Destination", (_Destination,), {"subject": subject})
    run_state_machine_as_test(machine, settings=_SETTINGS)


class _Destination(RuleBasedStateMachine):
    """A destination at a new spot, and a model of it: which blobs it has, and how far it came."""

    subject: Subject

    def __init__(self) -> None:
        super().__init__()
        # New ones each time: places that share a store must not have them.
        contents = [new_layer(300 * number) for number in range(_BLOBS)]
        self.blobs = build_image_for(self.subject.capabilities, contents).layers
        self.spot = self.subject.new_spot()
        with calling("open_destination"):
            options = self.subject.place.destination_options
            self.destination = self.spot.reference.open_destination(options)
        self.stored: dict[Digest, Blob] = {}
        self.image: Image | None = None
        self.is_closed = False
        self.has_failed = False
        self.is_lost = False
        """It refuses everything after a failure, as it may."""

    @property
    def is_open(self) -> bool:
        return self.image is None and not self.is_closed and not self.is_lost

    @precondition(lambda self: self.is_open)
    @rule(number=_NUMBERS, knows_digest=st.booleans(), knows_size=st.booleans())
    def put(self, *, number: int, knows_digest: bool, knows_size: bool) -> None:
        blob = self.blobs[number]
        info = BlobInfo(
            blob.digest if knows_digest else None,
            len(blob.content) if knows_size else None,
            blob.media_type,
        )
        with calling("put_blob"):
            try:
                answer = self._put(blob, info)
            except DestinationError:
                if not self.has_failed:
                    raise
                self.is_lost = True
                return
        require(
            (answer.digest, answer.size) == (blob.digest, len(blob.content)),
            f"put_blob to return {blob.digest} of {len(blob.content)} bytes",
            f"{answer.digest} of {answer.size}",
            "return what the bytes turned out to be",
        )
        self.stored.setdefault(blob.digest, blob)
        self._require_invisible()

    @precondition(lambda self: self.is_open)
    @rule(number=_NUMBERS, kind=st.integers(0, len(_LIES) - 1))
    def put_in_vain(self, number: int, kind: int) -> None:
        blob = self.blobs[number]
        if blob.digest in self.stored:
            return
        lie = _LIES[kind](blob)
        errors = (lie.error, DestinationError) if self.has_failed else (lie.error,)
        with expecting(f"put_blob of {lie.what}", *errors, advice="pass on what the stream raises"):
            self.destination.put_blob(lie.stream(), lie.info, is_config=False)
        self.has_failed = True
        self._require_invisible()

    @precondition(lambda self: self.is_open)
    @rule(number=_NUMBERS)
    def reuse(self, number: int) -> None:
        blob = self.blobs[number]
        if self.has_failed:
            with calling("try_reusing_blob"):
                try:
                    self.destination.try_reusing_blob(blob.info, can_substitute=False)
                except DestinationError:
                    self.is_lost = True
                    return
        found = try_reusing(self.destination, blob)
        advice = "remember a blob when its stream has ended, and not before"
        known = blob.digest in self.stored
        require(found is None or known, "None for a blob that was not put", found, advice)

    @precondition(lambda self: self.is_open)
    @rule()
    def commit(self) -> None:
        contents = [blob.plain for blob in self.stored.values()]
        image = build_image_for(self.subject.capabilities, contents)
        try:
            put_manifest(self.destination, image)
            commit(self.destination)
        except LawBroken as error:
            if not self.has_failed or not isinstance(error.__cause__, DestinationError):
                raise
            self.is_lost = True
            return
        self.image = image
        require_nothing_else(require_stored(self.subject, self.spot, image), image)

    @precondition(lambda self: self.image is not None or self.is_closed)
    @rule()
    def commit_again(self) -> None:
        advice = "raise DestinationStateError after commit() and after close()"
        with expecting("another commit", DestinationStateError, advice=advice):
            self.destination.commit()

    @precondition(lambda self: self.is_closed)
    @rule(number=_NUMBERS)
    def put_after_close(self, number: int) -> None:
        blob = self.blobs[number]
        advice = "raise DestinationStateError after close()"
        with expecting("put_blob after close", DestinationStateError, advice=advice):
            self._put(blob, blob.info)

    @rule()
    def close(self) -> None:
        with calling("close"):
            self.destination.close()
        self.is_closed = True
        if self.image is None:
            self.subject.require_untouched(self.spot, "after close() without commit()")
        else:
            require_stored(self.subject, self.spot, self.image)

    def teardown(self) -> None:
        with suppress(Exception):  # what went wrong before is what to tell
            self.destination.close()

    def _require_invisible(self) -> None:
        found = self.subject.stored(self.spot)
        advice = "let nothing be visible before commit()"
        require(found is None, "nothing to be stored before commit()", "an image", advice)

    def _put(self, blob: Blob, info: BlobInfo) -> BlobInfo:
        stream = verified(Pieces(blob.content), info)
        answer = self.destination.put_blob(stream, info, is_config=False)
        require_instance(answer, BlobInfo, "put_blob")
        return answer
