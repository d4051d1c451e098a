"""`cluster.yaml`: where the workers of a Dask run come from. Nothing here imports Dask.

kind: slurm            # local, ssh, slurm, pbs, lsf, sge, or scheduler (one that runs already)
workers: 40
options: {queue: cpu, cores: 1, memory: 3GB, walltime: "02:00:00"}
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from synthgen.recipe.load import load_section
from synthgen.recipe.section import FilePath, Integer, Section, problem


class Security(Section):
    """TLS of scheduler, workers and client: PEM files. All connections are encrypted when it is there."""

    ca_file: FilePath
    cert: FilePath
    key: FilePath


class ClusterSpec(Section):
    """Where workers come from.

    kind: how they are started; address: of a scheduler that runs already; workers: how many to start, for a scheduler
    how many to wait for before work begins; options: keywords of Dask's cluster class (LocalCluster, SSHCluster,
    SLURMCluster, ...); security: TLS; window: shards handed to the scheduler per worker thread at a time;
    performance_report: HTML file that Dask writes at the end.
    """

    kind: Literal["local", "ssh", "slurm", "pbs", "lsf", "sge", "scheduler"]
    address: str | None = None
    workers: Integer = Field(default=1, ge=1, le=100_000)
    options: dict[str, Any] = {}
    security: Security | None = None
    window: Integer = Field(default=3, ge=1, le=100)
    performance_report: FilePath | None = None

    @model_validator(mode="after")
    def _fits(self) -> "ClusterSpec":
        if (self.kind == "scheduler") != (self.address is not None):
            raise problem("address is for kind: scheduler, which needs it", "address")
        if self.address is not None and "://" not in self.address:
            raise problem("expected an address such as tcp://host:8786 or tls://host:8786", "address")
        if self.kind == "ssh" and not isinstance(self.options.get("hosts"), list):
            raise problem("kind: ssh needs options: {hosts: [scheduler-host, worker-host, ...]}", "options")
        return self


def load_cluster(path: str | Path) -> ClusterSpec:
    """The cluster in a YAML file. Raises RecipeError with every problem, `file:line:col: key: what is wrong`."""
    return load_section(path, ClusterSpec)


def scheduler_at(address: str) -> ClusterSpec:
    """A scheduler that runs already. Raises UsageError for something that is no address."""
    from pydantic import ValidationError

    from synthgen.core.errors import UsageError

    try:
        return ClusterSpec(kind="scheduler", address=address)
    except ValidationError:
        raise UsageError(
            f"--scheduler {address!r}: expected an address such as tcp://host:8786 or tls://host:8786"
        ) from None
