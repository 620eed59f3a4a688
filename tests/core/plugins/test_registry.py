import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs.errors import InvalidReference, PluginError, UnknownTransport
from imgcopy_core_stubs.plugins import Plugin, PluginStatus, TransportRegistry, load_plugins
from tests.core.cli.distributions import Distributions

MEMORY = """
    from imgcopy_core_stubs import InvalidReference
    from tests.core.memory_transport import MemoryImage

    class Memory(Transport):
        scheme = "memory"

        def parse_reference(self, text):
            return MemoryImage(text)
"""


@pytest.fixture
def distributions(tmp_path: Path) -> Iterator[Distributions]:
    installed = Distributions(tmp_path / "site")
    with installed.importable():
        yield installed


def plugin_named(registry: TransportRegistry, name: str) -> Plugin:
    (found,) = (plugin for plugin in registry.plugins if plugin.name == name)
    return found


def failures(registry: TransportRegistry) -> list[str]:
    return [str(failure) for failure in registry.failures]


class TestWhatIsInstalled:
    def test_the_built_in_transports_and_docker_archive_are_there(self) -> None:
        registry = load_plugins({})

        assert registry.schemes == ("dir", "docker-archive", "oci")
        assert registry.failures == ()
        docker_archive = plugin_named(registry, "docker-archive")
        assert docker_archive.distribution == "imgcopy-docker-archive"
        assert docker_archive.version == "0.1.0"
        assert registry.schemes_of(docker_archive) == ("docker-archive",)

    def test_a_plugin_of_another_distribution_works(self, distributions: Distributions) -> None:
        distributions.install_hook("memory", "return [Memory()]", setup=MEMORY)

        registry = load_plugins({})

        reference = registry.parse_reference("memory:some:thing")
        assert (reference.scheme, str(reference)) == ("memory", "some:thing")
        assert registry.transport("memory").scheme == "memory"
        assert plugin_named(registry, "memory").label == "memory (imgcopy-memory 1.0)"

    def test_a_hook_may_be_a_generator(self, distributions: Distributions) -> None:
        distributions.install_hook("memory", "yield Memory()", setup=MEMORY)

        assert "memory" in load_plugins({}).schemes

    def test_other_distributions_with_broken_metadata_are_no_concern(
        self, distributions: Distributions
    ) -> None:
        distributions.install("else", "", entry_points="[console_scripts]\nnonsense\n")

        assert load_plugins({}).failures == ()

    def test_of_two_installations_of_a_distribution_the_first_counts(
        self, distributions: Distributions, tmp_path: Path
    ) -> None:
        distributions.install_hook("memory", "return [Memory()]", setup=MEMORY)
        hidden = Distributions(tmp_path / "hidden")
        hidden.install_hook("memory", "return [Memory()]", setup=MEMORY, version="2.0")
        sys.path.append(str(hidden.path))
        try:
            registry = load_plugins({})
        finally:
            sys.path.remove(str(hidden.path))

        assert plugin_named(registry, "memory").version == "1.0"
        assert registry.failures == ()


class TestPluginsThatDoNotLoad:
    @pytest.mark.parametrize(
        ("code", "problem"),
        [
            ("import no_such_module", "ModuleNotFoundError \"No module named 'no_such_module'\""),
            ("raise SystemExit(3)", 'SystemExit "3"'),
            (
                "from imgcopy_core_stubs import UsageError\nraise UsageError('mine')",
                'UsageError "mine"',
            ),
            ("class Stop(BaseException): ...\nraise Stop('x\\x1b[2J')", 'Stop "x\\x1b[2J"'),
            ("def broken(:", "SyntaxError"),
        ],
    )
    def test_the_others_work_and_the_error_is_kept(
        self, distributions: Distributions, code: str, problem: str
    ) -> None:
        distributions.install("broken", code)
        distributions.install_hook("memory", "return [Memory()]", setup=MEMORY)

        registry = load_plugins({})

        assert registry.schemes == ("dir", "docker-archive", "memory", "oci")
        (failure,) = registry.failures
        assert failure.plugin == "broken (imgcopy-broken 1.0)"
        assert f"failed to load: {problem}" in str(failure)
        assert "imgcopy_broken" in failure.details
        assert failure.details.startswith("Traceback")
        broken = plugin_named(registry, "broken")
        assert (broken.status, broken.error) == (PluginStatus.FAILED, failure)

    def test_an_interruption_is_no_failure_of_the_plugin(
        self, distributions: Distributions
    ) -> None:
        distributions.install("broken", "raise KeyboardInterrupt")

        with pytest.raises(KeyboardInterrupt):
            load_plugins({})

    @pytest.mark.parametrize(
        ("entry_points", "problem"),
        [
            ("[imgcopy]\nbroken = imgcopy_nowhere\n", "ModuleNotFoundError"),
            ("[imgcopy]\nbroken = imgcopy_broken:missing\n", "AttributeError"),
            ("[imgcopy]\nbroken = imgcopy_broken:nothing\n", "its entry point names None"),
            ("[imgcopy]\nbroken = !!\n", "failed to load"),
            ("[imgcopy]\nnonsense\n", "its metadata cannot be read"),
        ],
    )
    def test_entry_points_that_lead_nowhere(
        self, distributions: Distributions, entry_points: str, problem: str
    ) -> None:
        distributions.install("broken", "nothing = None", entry_points=entry_points)

        registry = load_plugins({})

        (message,) = failures(registry)
        assert problem in message
        assert "imgcopy-broken" in message
        assert registry.schemes == ("dir", "docker-archive", "oci")

    def test_nothing_is_printed_by_the_loader_and_plugins_print_on_stderr(
        self, distributions: Distributions, capsys: pytest.CaptureFixture[str]
    ) -> None:
        distributions.install("loud", "print('hello')\nraise ValueError('x')")

        load_plugins({})

        assert capsys.readouterr() == ("", "hello\n")

    def test_the_unknown_scheme_says_which_plugins_failed_and_why(
        self, distributions: Distributions
    ) -> None:
        distributions.install("broken", "raise ValueError('out of order')")
        registry = load_plugins({})

        with pytest.raises(UnknownTransport) as caught:
            registry.parse_reference("broken:x")

        assert str(caught.value) == (
            'invalid reference "broken:x": unknown transport "broken"; '
            "known transports: dir, docker-archive, oci; plugins that failed to load: "
            '"broken (imgcopy-broken 1.0)" failed to load: ValueError "out of order"'
        )
        assert caught.value.exit_code == 2

    @pytest.mark.parametrize("value", ["1", "yes"])
    def test_failures_raise_where_the_environment_asks_for_it(
        self, distributions: Distributions, value: str
    ) -> None:
        distributions.install("broken", "raise ValueError('out of order')")

        with pytest.raises(PluginError, match="out of order") as caught:
            load_plugins({"IMGCOPY_RAISE_PLUGIN_ERRORS": value})

        assert isinstance(caught.value.__cause__, ValueError)
        assert caught.value.exit_code == 6

    @pytest.mark.parametrize("value", ["", "0"])
    def test_failures_do_not_raise_otherwise(
        self, distributions: Distributions, value: str
    ) -> None:
        distributions.install("broken", "raise ValueError('out of order')")

        assert len(load_plugins({"IMGCOPY_RAISE_PLUGIN_ERRORS": value}).failures) == 1


class TestPluginsThatBreakTheContract:
    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ("raise ValueError('x')", 'failed to load: ValueError "x"'),
            ("return None", "imgcopy_register_transports returned None"),
            ("return 3", 'returned an instance of "int", not transports'),
            ("return 'memory'", 'the transport "str" lacks api_version, scheme'),
            ("return [Memory]", 'registered the class "Memory", not an instance'),
            ("return [Memory(), Memory()]", "two transports of one scheme"),
            ("return [Memory(scheme='Memory')]", 'the scheme "Memory"'),
            ("return [Memory(scheme='memory\\n')]", 'the scheme "memory\\n"'),
            ("return [Memory(scheme=3)]", 'the scheme "3"'),
            ("return [Memory(scheme='')]", 'the scheme ""'),
            ("return [Memory(api_version=2)]", "version 2 of the contract, this is version 1"),
            ("return [Memory(api_version='1')]", "version '1' of the contract"),
            ("return [Memory(api_version=True)]", "version True of the contract"),
            ("return [Memory(source_options=dict)]", "source_options of the transport"),
            ("return [Memory(destination_options=Needy)]", "has no default for name"),
            ("return [Memory(source_options=Odd)]", 'has the field "rate" of an unsupported type'),
            ("return [Memory(source_options=Lost)]", "cannot be used: NameError"),
            ("return [Memory(parse_reference=None)]", 'Memory" cannot be called'),
            ("return [Incomplete()]", "TypeError"),
            ("return [Duck()]", 'the transport "Duck" lacks source_options, parse_reference'),
        ],
    )
    def test_they_fail_when_they_are_loaded(
        self, distributions: Distributions, body: str, problem: str
    ) -> None:
        setup = (
            MEMORY
            + """
        def __init__(self, **attributes):
            vars(self).update(attributes)

    import attrs

    @attrs.frozen
    class Needy:
        name: str

    @attrs.frozen
    class Odd:
        rate: float = 0.5

    @attrs.frozen
    class Lost:
        rate: "Nowhere" = None

    class Incomplete(Transport):
        scheme = "memory"

    class Duck:
        api_version = 1
        scheme = "duck"
        destination_options = None
"""
        )
        distributions.install_hook("broken", body, setup=setup)

        registry = load_plugins({})

        (message,) = failures(registry)
        assert message.startswith('plugin "broken (imgcopy-broken 1.0)": ')
        assert problem in message
        assert registry.schemes == ("dir", "docker-archive", "oci")

    @pytest.mark.parametrize(
        ("hook", "problem"),
        [
            ("@hookimpl\ndef imgcopy_register_transport(): return []", "unknown hook"),
            ("@hookimpl\ndef imgcopy_observe_copies(source): return None", "unknown hook"),
            ("@hookimpl\ndef imgcopy_observe_copy(image): return None", "PluginValidationError"),
            ("@hookimpl\ndef imgcopy_register_transports(all): return []", "PluginValidationError"),
            ("def imgcopy_register_transports(): return []", "implements no hook"),
        ],
    )
    def test_hooks_that_nobody_would_call_are_found(
        self, distributions: Distributions, hook: str, problem: str
    ) -> None:
        distributions.install("broken", f"from imgcopy_core_stubs import hookimpl\n{hook}")

        (message,) = failures(load_plugins({}))

        assert problem in message

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (
                "return None",
                'that parse_reference of "memory" returned lacks scheme, docker_reference',
            ),
            ("return Transport.parse_reference", "lacks scheme"),
            ("raise SystemExit(4)", 'failed to parse "x": SystemExit "4"'),
            (
                "return type('Duck', (MemoryImage,), {'open_source': None})(text)",
                'open_source of the reference that parse_reference of "memory" returned cannot',
            ),
            ("return MemoryImage(1 / 0)", 'failed to parse "x": ZeroDivisionError'),
            ("raise AttributeError('scheme')", 'failed to parse "x": AttributeError "scheme"'),
        ],
    )
    def test_parsing_is_not_trusted_either(
        self, distributions: Distributions, body: str, problem: str
    ) -> None:
        setup = MEMORY.replace("return MemoryImage(text)", body)
        distributions.install_hook("memory", "return [Memory()]", setup=setup)
        registry = load_plugins({})

        with pytest.raises(PluginError) as caught:
            registry.parse_reference("memory:x")

        assert 'plugin "memory (imgcopy-memory 1.0)"' in str(caught.value)
        assert problem in str(caught.value)

    def test_a_reference_of_another_scheme_is_refused(self, distributions: Distributions) -> None:
        setup = MEMORY.replace('scheme = "memory"', 'scheme = "other"')
        distributions.install_hook("other", "return [Memory()]", setup=setup)
        registry = load_plugins({})

        with pytest.raises(PluginError, match='"other" returned has the scheme "memory"'):
            registry.parse_reference("other:x")

    def test_a_malformed_reference_is_the_users_error(self, distributions: Distributions) -> None:
        setup = MEMORY.replace("return MemoryImage(text)", "raise InvalidReference(text, 'no')")
        distributions.install_hook("memory", "return [Memory()]", setup=setup)

        with pytest.raises(InvalidReference):
            load_plugins({}).parse_reference("memory:x")


class TestConflicts:
    TWO = (
        MEMORY
        + """
    class Own(Memory):
        scheme = "NAME"
"""
    )

    def install(self, distributions: Distributions, name: str, *, scheme: str = "memory") -> None:
        setup = self.TWO.replace("NAME", name).replace('"memory"', f'"{scheme}"')
        distributions.install_hook(name, "return [Memory(), Own()]", setup=setup)

    def test_a_scheme_of_two_plugins_is_refused_and_both_are_named(
        self, distributions: Distributions
    ) -> None:
        self.install(distributions, "first")
        self.install(distributions, "second")

        registry = load_plugins({})

        assert registry.schemes == ("dir", "docker-archive", "first", "oci", "second")
        with pytest.raises(PluginError) as caught:
            registry.parse_reference("memory:x")
        (message,) = failures(registry)
        assert str(caught.value) == message
        assert '"first (imgcopy-first 1.0)"' in message
        assert '"second (imgcopy-second 1.0)"' in message
        assert '"memory"' in message
        for name in ("first", "second"):
            plugin = plugin_named(registry, name)
            assert plugin.status is PluginStatus.CONFLICT
            assert registry.schemes_of(plugin) == (name,)

    def test_disabling_one_of_them_settles_it(self, distributions: Distributions) -> None:
        self.install(distributions, "first")
        self.install(distributions, "second")

        registry = load_plugins({"IMGCOPY_DISABLE_PLUGINS": "second"})

        assert registry.failures == ()
        assert registry.schemes == ("dir", "docker-archive", "first", "memory", "oci")

    def test_a_built_in_transport_stays(self, distributions: Distributions) -> None:
        self.install(distributions, "greedy", scheme="oci")

        registry = load_plugins({})

        assert type(registry.transport("oci")).__name__ == "OciTransport"
        (message,) = failures(registry)
        assert message == (
            'plugin "greedy (imgcopy-greedy 1.0)": its transport "oci" is ignored, '
            "there is a built-in one"
        )
        assert registry.schemes == ("dir", "docker-archive", "greedy", "oci")
        assert plugin_named(registry, "greedy").status is PluginStatus.CONFLICT


class TestDisabledPlugins:
    @pytest.mark.parametrize("names", ["memory", "x, memory", "imgcopy-memory", "*"])
    def test_they_are_not_imported(self, distributions: Distributions, names: str) -> None:
        distributions.install_hook("memory", "return [Memory()]", setup=MEMORY)

        registry = load_plugins({"IMGCOPY_DISABLE_PLUGINS": names})

        assert "imgcopy_memory" not in sys.modules
        assert plugin_named(registry, "memory").status is PluginStatus.DISABLED
        with pytest.raises(UnknownTransport, match="disabled by IMGCOPY_DISABLE_PLUGINS"):
            registry.parse_reference("memory:x")

    def test_third_parties_can_be_left_out_and_what_ships_with_imgcopy_stays(
        self, distributions: Distributions
    ) -> None:
        distributions.install_hook("memory", "return [Memory()]", setup=MEMORY)

        registry = load_plugins({}, third_party=False)

        assert "imgcopy_memory" not in sys.modules
        assert registry.schemes == ("dir", "docker-archive", "oci")
        assert plugin_named(registry, "memory").status is PluginStatus.DISABLED
        with pytest.raises(UnknownTransport) as caught:
            registry.parse_reference("memory:x")
        assert '"memory (imgcopy-memory 1.0)" is disabled by --no-plugins' in str(caught.value)

    def test_the_built_in_transports_cannot_be_disabled(self) -> None:
        registry = load_plugins({"IMGCOPY_DISABLE_PLUGINS": "*"})

        assert registry.schemes == ("dir", "oci")
        assert registry.failures == ()


class TestReferences:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", 'invalid reference "": it is empty'),
            ("app.tar", 'invalid reference "app.tar": it has no transport (write TRANSPORT:REF'),
            ("/x/app.tar:y", 'unknown transport "/x/app.tar"'),
            ("OCI:x", 'unknown transport "OCI"'),
            ("o\x1bi:x", 'unknown transport "o\\x1bi"'),
            (":x", "it has no transport"),
        ],
    )
    def test_malformed_ones(self, text: str, problem: str) -> None:
        with pytest.raises((InvalidReference, UnknownTransport)) as caught:
            load_plugins({}).parse_reference(text)

        assert problem in str(caught.value)
        assert caught.value.exit_code == 2

    def test_an_unknown_scheme_has_no_transport(self) -> None:
        with pytest.raises(UnknownTransport, match="known transports: dir, docker-archive, oci"):
            load_plugins({}).transport("nowhere")
