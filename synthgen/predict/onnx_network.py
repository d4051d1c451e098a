"""ONNX files, run by onnxruntime."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError, UsageError
from synthgen.predict.card import METADATA_KEY, Arrays, NetworkCard, read_card


class OnnxNetwork:
    """See predict.card.Network."""

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise UsageError("onnxruntime is not installed; pip install 'synthgen[onnx]'") from error
        if not path.is_file():
            raise ModelError(f"{path}: no such file; expected an ONNX file of python -m training export")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            described = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # onnxruntime has its own errors, one for each way a file can be wrong
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(f"{path}: not an ONNX file that can be run ({reason[:200]})") from error
        if METADATA_KEY not in described:
            raise ModelError(
                f"{path}: an ONNX file of another program: it does not say how faces are cropped and what its numbers "
                "mean; expected one of python -m training export"
            )
        self.card: NetworkCard = read_card(described[METADATA_KEY], str(path))
        named = (
            {entry.name for entry in self._session.get_inputs()},
            {entry.name for entry in self._session.get_outputs()},
        )
        if named != (set(self.card.inputs), set(self.card.outputs)):
            raise ModelError(f"{path}: its inputs and outputs are not those it describes; export it again")

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> Arrays:
        """Outputs by name."""
        found = self._session.run(list(self.card.outputs), inputs)
        return dict(zip(self.card.outputs, found, strict=True))


def open_onnx(path: Path, threads: int = 1) -> OnnxNetwork:
    """The network of a file that `python -m training export` wrote. threads: of the CPU, 0 for all.

    Raises ModelError for a file that is none, UsageError where onnxruntime is missing.
    """
    return OnnxNetwork(path, threads)
