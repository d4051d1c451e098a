"""Name of a method -> the method, loaded when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from training.method import Method

_METHODS = {
    "dfc": "training.methods.dfc:Dfc",
    "tddfa_v2": "training.methods.tddfa_v2:TddfaV2",
    "densereg": "training.methods.densereg:DenseReg",
    "dal2d": "training.methods.dal2d:Dal2d",
    "anisotropic": "training.methods.anisotropic:Anisotropic",
}


def open_method(name: str, options: Mapping[str, Any]) -> Method:
    """The method with its options. Raises RecipeError for an option that it does not have."""
    module, _, cls = _METHODS[name].partition(":")
    method: Method = getattr(import_module(module), cls)(options)
    return method
