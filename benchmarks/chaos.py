"""`python -m benchmarks.chaos`: a run whose workers and driver are killed at random, against an undisturbed one.

SIGKILL, so nobody can clean up. Afterwards the dataset must be whole and must hold the same bytes.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workload import ROOT

# Chosen so that a worker lives long enough to start and to finish a few shards.
PAUSE_S = (1.5, 4.5)


@dataclass
class Kills:
    """How many processes were killed."""

    workers: int = 0
    drivers: int = 0


def torment(
    start: Callable[[], "subprocess.Popen[bytes]"],
    workers: int,
    drivers: int,
    pause_s: tuple[float, float] = PAUSE_S,
    seed: int = 0,
) -> Kills:
    """Kill that many workers and drivers of a run, one at a time, and start the run again after each killed driver.

    start: starts the run, or goes on with it. Returns when the last run has ended by itself; raises RuntimeError when
    that run fails.
    """
    rng = random.Random(seed)
    kills = Kills()
    every = max(workers // (drivers + 1), 1)
    run = start()
    while kills.workers < workers or kills.drivers < drivers:
        time.sleep(rng.uniform(*pause_s))
        if run.poll() is not None:
            break  # it was done before we were
        if kills.drivers < drivers and kills.workers >= every * (kills.drivers + 1):
            run.kill()
            run.wait()
            kills.drivers += 1
            run = start()
        elif children := children_of(run.pid):
            os.kill(rng.choice(children), signal.SIGKILL)
            kills.workers += 1
    if run.wait() != 0:
        raise RuntimeError(f"the run ended with exit code {run.returncode} after {kills}")
    return kills


def children_of(pid: int) -> list[int]:
    """Process numbers of the children of a process (Linux)."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def shard_hashes(folder: Path) -> dict[str, str]:
    """File name -> sha256 of everything a dataset consists of."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> int:
    """Run the demo's recipe calm and tormented; returns 0 when both give the same bytes."""
    out = ROOT / "out" / "chaos"
    for name in ("calm", "tormented"):
        subprocess.run(["rm", "-rf", str(out / name)], check=True)
    recipe = ["generate", str(ROOT / "recipes" / "bench.yaml"), "--count", "30000", "--set", "shard_size=64"]
    command = [sys.executable, "-m", "synthgen", *recipe, "--workers", "2", "--attempts", "30", "--device", "cpu"]
    print("an undisturbed run", flush=True)
    subprocess.run([*command, "-o", str(out / "calm")], check=True)
    print("30 workers and 5 drivers killed", flush=True)
    kills = torment(
        lambda: subprocess.Popen([*command, "-o", str(out / "tormented"), "--resume"], stdout=subprocess.DEVNULL),
        workers=30,
        drivers=5,
    )
    verified = subprocess.run([sys.executable, "-m", "synthgen", "verify", str(out / "tormented"), "--deep"])
    calm, tormented = shard_hashes(out / "calm"), shard_hashes(out / "tormented")
    equal = calm == tormented and verified.returncode == 0
    print(f"{kills.workers} workers and {kills.drivers} drivers killed; {len(calm)} files, equal bytes: {equal}")
    return 0 if equal and (kills.workers, kills.drivers) == (30, 5) else 1


if __name__ == "__main__":
    sys.exit(main())
