"""A checkpoint folder or an ONNX file, opened behind one interface."""

from pathlib import Path

from synthgen.core.errors import UsageError
from synthgen.predict.card import Network


def open_network(path: Path, threads: int = 1) -> Network:
    """The network at a path: a checkpoint (folder `best` or `last` of a run) or an .onnx file of training export.

    threads: CPU threads of onnxruntime. Raises UsageError for neither, DatasetError or ModelError for a damaged one.
    """
    if path.is_dir():
        from training.checkpoint_network import open_checkpoint

        return open_checkpoint(path)
    if path.suffix == ".onnx":
        from synthgen.predict.onnx_network import open_onnx

        return open_onnx(path, threads)
    raise UsageError(f"{path} is neither a checkpoint (folder best or last of a run) nor an .onnx file")
