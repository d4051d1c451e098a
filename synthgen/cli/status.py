"""`synthgen status`: how far is a dataset?"""

from synthgen.cli.console import put, readable_bytes
from synthgen.cli.options import DatasetArgument, JsonOption

MOST_LISTED = 8


def status(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Say how far a dataset is.

    What the folder holds, what is missing, and whether a run is working on it.

    \b
    Examples:
      synthgen status out/demo
      synthgen status out/demo --json
    """
    import json
    from dataclasses import asdict

    from synthgen.pipeline.status import dataset_status

    state = dataset_status(dataset)
    manifest = state.manifest
    if as_json:
        content = {
            "path": state.path,
            "kind": manifest.layout.kind,
            "fingerprint": manifest.fingerprint,
            "complete": state.complete,
            "samples": state.samples,
            "planned_samples": manifest.count,
            "shards": manifest.shards,
            "missing_shards": list(state.missing),
            "unsound_shards": list(state.unsound),
            "bytes": state.bytes,
            "quarantined": [asdict(entry) for entry in state.quarantined],
            "running": state.running,
            "has_table": state.has_table,
        }
        put(json.dumps(content, indent=1))
        return
    height, width = manifest.layout.size
    put(f"{state.path}: {'complete' if state.complete else 'incomplete'}")
    put(f"kind         {manifest.layout.kind}, {height} x {width}")
    put(f"samples      {state.samples} of {manifest.count}")
    put(f"shards       {manifest.shards - len(state.missing) - len(state.unsound)} of {manifest.shards}")
    put(f"disk         {readable_bytes(state.bytes)}")
    put(f"fingerprint  {manifest.fingerprint}")
    if state.missing:
        put(f"missing      {_listed(state.missing)}")
    if state.unsound:
        put(f"damaged      {_listed(state.unsound)}")
    for entry in state.quarantined:
        put(f"given up     shard {entry.shard}: {entry.reason}")
        put(f"             {entry.command}")
    if state.running:
        put("running      " + ", ".join(f"{key} {value}" for key, value in state.running.items()))


def _listed(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(str(number) for number in numbers[:MOST_LISTED])
    return shown if len(numbers) <= MOST_LISTED else f"{shown}, ... ({len(numbers)} shards)"
