"""Options of transports that are set for good: in a TOML file, and in the environment.

    [transports.docker-archive]
    layout = "oci"

and `IMGCOPY_DOCKER_ARCHIVE_LAYOUT=oci` say the same, and the environment wins. A transport has
options for reading and options for writing; what is set here goes to whichever has an option of
that name, and it is an error if neither has.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import attrs

from imgcopy_core_stubs.errors import InvalidOption
from imgcopy_core_stubs.option_fields import item_type
from imgcopy_core_stubs.options import parse_options, structure_options
from imgcopy_core_stubs.quoting import listing, quote, strerror
from imgcopy_core_stubs.transport import Transport

_FILE_LIMIT: Final = 1024 * 1024
_TABLES: Final = "transports"


class ConfigFile(NamedTuple):
    """The TOML file, read but not yet held against what transports have."""

    path: str
    tables: Mapping[str, Mapping[str, Any]]
    """By scheme, the options of the table `[transports.<scheme>]`."""


def read_config_file(environ: Mapping[str, str] = os.environ) -> ConfigFile:
    """Read the file that `IMGCOPY_CONFIG` names, or `imgcopy/config.toml` in the user's config.

    Raises:
        InvalidOption: It is not valid; or it is named, and missing.
    """
    named = environ.get("IMGCOPY_CONFIG", "")
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    path = named or os.path.join(home, "imgcopy", "config.toml")
    try:
        with open(path, "rb") as file:
            raw = file.read(_FILE_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if named:
            raise InvalidOption(f"IMGCOPY_CONFIG={path}", strerror(error)) from error
        return ConfigFile(path, {})
    except (OSError, ValueError) as error:
        problem = strerror(error) if isinstance(error, OSError) else str(error)
        raise InvalidOption(f"config file {path}", problem) from error
    return ConfigFile(path, _tables(raw, path))


def _tables(raw: bytes, path: str) -> Mapping[str, Mapping[str, Any]]:
    import tomllib  # noqa: PLC0415  (most users have no such file)

    option = f"config file {path}"
    if len(raw) > _FILE_LIMIT:
        raise InvalidOption(option, f"it is larger than {_FILE_LIMIT} bytes")
    try:
        document = tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidOption(option, f"it is not valid TOML: {error}") from None
    tables = document.pop(_TABLES, {})
    if document:
        problem = f"unknown: {listing(document)}; it has tables [{_TABLES}.SCHEME]"
        raise InvalidOption(option, problem)
    if not isinstance(tables, dict) or not all(isinstance(item, dict) for item in tables.values()):
        raise InvalidOption(option, f"{_TABLES} must hold tables, [{_TABLES}.SCHEME]")
    return tables


def check_schemes(config: ConfigFile, schemes: Sequence[str]) -> None:
    """Refuse a table of a transport that does not exist.

    Args:
        config: The file.
        schemes: All schemes that there are.

    Raises:
        InvalidOption: There is such a table.
    """
    for scheme in config.tables:
        if scheme not in schemes:
            problem = f"there is no such transport; there are {listing(schemes)}"
            raise InvalidOption(f"{config.path} [{_TABLES}.{scheme}]", problem)


def preset_values(
    transport: Transport,
    cls: type[attrs.AttrsInstance] | None,
    config: ConfigFile,
    environ: Mapping[str, str],
    schemes: Sequence[str],
) -> dict[str, object]:
    """Return what file and environment set of the options of one direction, by their names.

    Args:
        transport: The transport.
        cls: Its `source_options` or `destination_options`.
        config: The file.
        environ: The environment.
        schemes: All schemes, to tell whose a variable is: `IMGCOPY_DOCKER_ARCHIVE_LAYOUT` is not
            of the transport `docker`.

    Raises:
        InvalidOption: An option is unknown, or has a value that it cannot have.
    """
    scheme = transport.scheme
    where = f"{config.path} [{_TABLES}.{scheme}]"
    table = {key.replace("-", "_"): item for key, item in config.tables.get(scheme, {}).items()}
    variables = _variables(environ, scheme, schemes)
    known = {
        name
        for options_class in (transport.source_options, transport.destination_options)
        if options_class is not None
        for name in attrs.fields_dict(options_class)
    }
    for place, name in [*((f"{where} {key}", key) for key in table), *variables.items()]:
        if name not in known:
            problem = f"unknown for {quote(scheme)}; it has {listing(sorted(known))}"
            raise InvalidOption(place, problem)
    if cls is None:
        return {}
    own = attrs.fields_dict(cls)
    table = {name: item for name, item in table.items() if name in own}
    from_file = structure_options(cls, table, flag=where, scheme=scheme)
    values = {name: getattr(from_file, name) for name in table}
    for variable, name in variables.items():
        if name in own:
            try:
                pairs = _pairs(cls, name, environ[variable])
                values |= given_values(cls, pairs, flag=variable, scheme=scheme)
            except InvalidOption as error:
                raise InvalidOption(variable, error.problem) from None
    return values


def given_values(
    cls: type[attrs.AttrsInstance] | None,
    pairs: Sequence[tuple[str, str]],
    *,
    flag: str,
    scheme: str,
) -> dict[str, object]:
    """Return what `KEY=VALUE` pairs set, by the names of the options; see `parse_options`."""
    options = parse_options(cls, pairs, flag=flag, scheme=scheme)
    return {name: getattr(options, name) for name in (key.replace("-", "_") for key, _ in pairs)}


def _variables(environ: Mapping[str, str], scheme: str, schemes: Sequence[str]) -> dict[str, str]:
    """Map the environment variables that belong to a transport to the options that they name."""
    prefixes = {variable_prefix(other): other for other in schemes}
    found = {}
    for variable in sorted(environ):
        prefix = max((p for p in prefixes if variable.startswith(p)), key=len, default="")
        if prefix and prefixes[prefix] == scheme:
            found[variable] = variable.removeprefix(prefix).lower()
    return found


def variable_prefix(scheme: str) -> str:
    """Return what the names of a transport's environment variables begin with."""
    return f"IMGCOPY_{re.sub('[^a-z0-9]', '_', scheme).upper()}_"


def _pairs(cls: type[attrs.AttrsInstance], name: str, text: str) -> list[tuple[str, str]]:
    """Return the pairs that a variable stands for: for an option of several values, one each."""
    attrs.resolve_types(cls)
    _, is_list = item_type(attrs.fields_dict(cls)[name].type)
    return [(name, part) for part in (text.split(",") if is_list else [text])]
