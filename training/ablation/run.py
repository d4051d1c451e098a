"""One run of a row in a process of its own: training, evaluations, and a file that says it is done."""

import json
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from synthgen.core.errors import FingerprintError, SynthgenError
from training.ablation.table import cost_of
from training.recipe import TrainingRecipe

DONE, OUTPUT = "done.json", "output.txt"


@dataclass(frozen=True)
class RunOrder:
    """row, seed: what is run; folder: of the run; recipe; variants: row -> options of the method with which the trained
    network is evaluated, too; accelerator: as Fabric names it."""

    row: str
    seed: int
    folder: Path
    recipe: TrainingRecipe
    variants: Mapping[str, Mapping[str, Any]]
    accelerator: str

    @property
    def plain(self) -> dict[str, Any]:
        """What decides the result, as JSON values."""
        content = {"recipe": self.recipe.model_dump(mode="json"), "variants": {**self.variants}}
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return plain


def finished(order: RunOrder) -> dict[str, Any] | None:
    """The results of a run that is done, None where it is not. Raises FingerprintError for those of another order."""
    file = order.folder / DONE
    if not file.exists():
        return None
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if content["order"] != order.plain:
        raise FingerprintError(f"{order.folder} holds a run of another recipe or budget; choose another folder with -o")
    return content


def last_words(order: RunOrder) -> str:
    """The last line that a run wrote, which says why it failed."""
    file = order.folder / OUTPUT
    lines = file.read_text(encoding="utf-8", errors="replace").split("\n") if file.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def run_order(order: RunOrder) -> None:
    """Train and evaluate, going on with what the folder holds; ends the process with exit code 1 after an error."""
    order.folder.mkdir(parents=True, exist_ok=True)
    with (order.folder / OUTPUT).open("w", encoding="utf-8") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        try:
            results = measured(order)
        except SynthgenError as error:
            sys.exit(_told(str(error)))
        except Exception:  # any other failure must not cost the other rows; its traceback is kept
            sys.exit(_told(traceback.format_exc()))
        temporary = order.folder / f".{DONE}"
        temporary.write_text(json.dumps({"order": order.plain, **results}, indent=1) + "\n", encoding="utf-8")
        temporary.rename(order.folder / DONE)


def _told(text: str) -> int:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    return 1


def measured(order: RunOrder) -> dict[str, Any]:
    """Train, and give the measures of the end, of each stage's end, and of each variant; seconds; cost."""
    import torch

    from training.journal import LOG, last_measures, read_log
    from training.loop import RunOptions, evaluate, train
    from training.restore import restore

    torch.set_num_threads(1)
    started = perf_counter()
    result = train(order.recipe, order.folder, RunOptions(accelerator=order.accelerator, resume=True))
    lines = read_log(order.folder / LOG)
    stages = {line["evaluation"]["stage"]: last_measures([line]) for line in lines if "evaluation" in line}
    steps = [line for line in lines if "step_s" in line]
    variants: dict[str, dict[str, float]] = {}
    device = torch.device("cuda" if order.accelerator == "cuda" else "cpu")
    for name, options in order.variants.items():
        restored = restore(order.folder / "last", options)
        assert order.recipe.validation is not None
        found, _ = evaluate(restored.method, restored.network.to(device), order.recipe.validation, device)
        variants[name] = {measure: value.value for measure, value in found.items()}
    return {
        "measures": result.measures,
        "stages": stages,
        "variants": variants,
        "seconds": lines[-1]["elapsed_s"],
        "process_s": perf_counter() - started,
        "loading_s": sum(line["loading_s"] for line in steps),
        "step_s": sum(line["step_s"] for line in steps),
        "cost": asdict(cost_of(order.recipe)),
    }
