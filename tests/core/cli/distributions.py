"""Distributions with plugins, as pip would install them: a module and its metadata."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from tests.core.cli.running import ENVIRON

HOOK = """
    from imgcopy_core_stubs import Transport, hookimpl

    @hookimpl
    def imgcopy_register_transports():
"""


class Distributions:
    """A directory on the module search path that plugins are installed into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)

    def install(
        self,
        name: str,
        code: str,
        *,
        version: str = "1.0",
        entry_points: str | None = None,
    ) -> None:
        """Install the distribution `imgcopy-NAME`, with one module and the entry point NAME.

        Args:
            name: The entry point's name; the module is `imgcopy_NAME`.
            code: The module's code.
            version: The distribution's version.
            entry_points: The text of entry_points.txt, if it is to be another one.
        """
        module = f"imgcopy_{name.replace('-', '_')}"
        (self.path / f"{module}.py").write_text(dedent(code))
        metadata = self.path / f"{module}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: imgcopy-{name}\nVersion: {version}\n"
        )
        text = f"[imgcopy]\n{name} = {module}\n" if entry_points is None else entry_points
        (metadata / "entry_points.txt").write_text(text)

    def install_hook(self, name: str, body: str, *, setup: str = "", version: str = "1.0") -> None:
        """Install a plugin whose hook has this body; `setup` goes before the hook."""
        code = dedent(HOOK).replace("@hookimpl", dedent(setup) + "\n@hookimpl")
        indented = "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
        self.install(name, code + indented, version=version)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process that finds the plugins."""
        return {**ENVIRON, "PYTHONPATH": str(self.path)}

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Let this process find the plugins; afterwards they are forgotten."""
        before = set(sys.modules)
        sys.path.insert(0, str(self.path))
        try:
            yield
        finally:
            sys.path.remove(str(self.path))
            for name in set(sys.modules) - before:
                if name.startswith("imgcopy_") and "." not in name:
                    origin = getattr(sys.modules[name], "__file__", None) or ""
                    if origin.startswith(str(self.path)):
                        del sys.modules[name]
