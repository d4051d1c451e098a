"""Protocols by the name they have on the command line."""

from importlib import import_module

from eval.protocol import Protocol
from synthgen.core.errors import UsageError

# Name -> module of eval.protocols that has PROTOCOL; loaded when it is asked for.
MODULES: dict[str, str] = {
    "aflw2000": "aflw2000",
    "aflw21": "aflw21",
    "aflw_pifa": "aflw_pifa",
    "lfpa34": "lfpa34",
    "aflw19": "aflw19",
    "w300": "w300",
    "wflw": "wflw",
    "vw300": "vw300",
    "menpo3d": "menpo3d",
    "synthetic": "synthetic",
    "sweeps": "sweeps",
    "florence": "florence",
    "micc": "micc",
}


def load_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises UsageError for an unknown one."""
    if name not in MODULES:
        raise UsageError(f"no protocol {name!r}; there are {', '.join(MODULES)}")
    protocol: Protocol = import_module(f"eval.protocols.{MODULES[name]}").PROTOCOL
    return protocol
