"""Plugins: discovery, isolation, diagnostics, and the registry of their transports.

transports = load_plugins()
copy_image(transports.parse_reference("oci:layout:app"), …)
"""

from imgcopy_core_stubs.plugins._loading import Plugin, PluginStatus
from imgcopy_core_stubs.plugins.registry import TransportRegistry, load_plugins

__all__ = ["Plugin", "PluginStatus", "TransportRegistry", "load_plugins"]
