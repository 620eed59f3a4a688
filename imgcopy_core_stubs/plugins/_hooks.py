"""The hooks of one plugin: called on their own, and what they return is checked."""

from collections.abc import Iterable
from typing import cast

from pluggy import PluginManager

from imgcopy_core_stubs import hookspecs
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.plugins._checks import BrokenContractError, check_transport, described
from imgcopy_core_stubs.transport import Transport


class PluginHooks:
    """The hooks that one plugin implements.

    A manager of its own keeps each plugin's errors and hook wrappers from the other plugins.

    Args:
        module: The plugin: a module, or any object with hooks as attributes.

    Raises:
        BrokenContractError: It implements no hook.
        PluginValidationError: A hook of it has an unknown name or argument.
    """

    def __init__(self, module: object) -> None:
        if module is None:
            raise BrokenContractError("its entry point names None")
        manager = PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(module)
        manager.check_pending()
        if not manager.get_hookcallers(module):
            raise BrokenContractError("it implements no hook of imgcopy (mark them with hookimpl)")
        self._hooks = manager.hook

    def transports(self) -> tuple[Transport, ...]:
        """Return the transports that the plugin registers.

        Raises:
            BrokenContractError: They are not what the contract says.
            BaseException: Whatever the hook raises.
        """
        hook = self._hooks.imgcopy_register_transports
        if not hook.get_hookimpls():
            return ()
        results: list[object] = hook()
        if not results:  # pluggy leaves None out
            raise BrokenContractError(f"{hook.name} returned None, not transports")
        (result,) = results
        if not isinstance(result, Iterable):
            raise BrokenContractError(f"{hook.name} returned {described(result)}, not transports")
        transports = tuple(check_transport(candidate) for candidate in result)
        schemes = [transport.scheme for transport in transports]
        if len(set(schemes)) != len(schemes):
            raise BrokenContractError(f"{hook.name} returned two transports of one scheme")
        return transports

    def observer(self, source: str, destination: str) -> Observer | None:
        """Return the plugin's observer of a copy, if it wants to observe this one.

        Raises:
            BrokenContractError: It is not what the contract says.
            BaseException: Whatever the hook raises.
        """
        hook = self._hooks.imgcopy_observe_copy
        results: list[object] = hook(source=source, destination=destination)
        if not results:
            return None
        (result,) = results
        if not callable(result):
            raise BrokenContractError(f"{hook.name} returned {described(result)}, not an observer")
        return cast("Observer", result)
