"""Protocols by the name they have on the command line."""

from importlib import import_module

from eval.protocol import Protocol
from synthgen.core.errors import UsageError

# Name -> module of eval.protocols that has PROTOCOL; loaded when it is asked for.
MODULES: dict[str, str] = {
    "synthetic": "synthetic",
}


def load_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises UsageError for an unknown one."""
    if name not in MODULES:
        raise UsageError(f"no protocol {name!r}; there are {', '.join(MODULES)}")
    protocol: Protocol = import_module(f"eval.protocols.{MODULES[name]}").PROTOCOL
    return protocol
