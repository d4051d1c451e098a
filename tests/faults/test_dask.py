"""Faults 2, 3, 4 and 17 on Dask: the same bytes, and the scheduler, workers and tasks that die."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.conftest import IMPORTS, Start, content, plain, recipe_text, wait_for_samples

distributed = pytest.importorskip("distributed")

from synthgen.core.errors import DatasetError, QuarantineError, RecipeError, UsageError  # noqa: E402
from synthgen.pipeline.attempts import FailureBudget  # noqa: E402
from synthgen.pipeline.cluster import ClusterSpec, load_cluster, scheduler_at  # noqa: E402
from synthgen.pipeline.run import generate  # noqa: E402
from synthgen.pipeline.status import dataset_status  # noqa: E402
from synthgen.recipe.load import parse_recipe  # noqa: E402
from synthgen.recipe.schema import Recipe  # noqa: E402

Processes = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def dask_process() -> Iterator[Processes]:
    """Starts `dask scheduler` or `dask worker` as a process group of its own, as a cluster would."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, **environment: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "dask", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(IMPORTS), **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        process.wait()


def start_scheduler(dask_process: Processes, folder: Path, *options: object, protocol: str = "tcp") -> str:
    """The address of a new scheduler."""
    file = folder / "scheduler.json"
    dask_process("scheduler", "--host", f"{protocol}://127.0.0.1", "--port", 0, "--no-dashboard",
                 "--scheduler-file", file, *options)  # fmt: skip
    for _ in range(600):
        if file.exists() and file.stat().st_size:
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.05)
    raise AssertionError("the scheduler did not start")


def start_worker(
    dask_process: Processes, address: str, *options: object, **environment: str
) -> "subprocess.Popen[bytes]":
    return dask_process("worker", address, "--nthreads", 1, "--no-dashboard", *options, **environment)


def test_a_real_scheduler_with_two_workers_gives_the_same_bytes(
    tmp_path: Path, recipe: Recipe, calm: Path, dask_process: Processes
) -> None:
    """Processes that only TCP and a folder connect, as on two computers; the cluster goes on afterwards."""
    address = start_scheduler(dask_process, tmp_path)
    for _ in range(2):
        start_worker(dask_process, address)
    for name in ("one", "two"):
        summary = generate(recipe, tmp_path / name, plain(cluster=scheduler_at(address)))
        assert (summary.built_shards, summary.restarts) == (5, 0)
        assert content(tmp_path / name) == content(calm)
    assert generate(recipe, tmp_path / "two", plain(cluster=scheduler_at(address), resume=True)).built_shards == 0
    with distributed.Client(address, set_as_default=False) as client:
        plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if "synthgen" in name])
        assert list(plugins.values()) == [[], []]  # nothing of ours stays on a cluster that is not ours


def test_a_local_cluster_gives_the_same_bytes(tmp_path: Path, recipe: Recipe, calm: Path) -> None:
    page = tmp_path / "performance.html"
    spec = ClusterSpec(kind="local", workers=2, performance_report=str(page))
    generate(recipe, tmp_path / "out", plain(cluster=spec))
    assert content(tmp_path / "out") == content(calm)
    assert "bokeh" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("factory", "reason"),
    [("open_segfaulting", "the scheduler gave it up"), ("open_raising", "ZeroDivisionError: a bug in block 1")],
)
def test_a_task_that_always_fails_is_given_up_on_dask_too(
    tmp_path: Path, recipe: Recipe, assert_survived: Callable[..., None], factory: str, reason: str
) -> None:
    options = plain(
        factory=factory, cluster=ClusterSpec(kind="local", workers=2), budget=FailureBudget(deaths=2, errors=2)
    )
    with pytest.raises(QuarantineError, match=reason):
        generate(recipe, tmp_path / "out", options)
    assert [entry.shard for entry in dataset_status(tmp_path / "out").quarantined] == [0, 1]
    assert_survived(tmp_path / "out")


def test_a_lost_scheduler_ends_the_run_and_resume_goes_on(
    tmp_path: Path, dask_process: Processes, start_run: Start, assert_survived: Callable[..., None]
) -> None:
    address = start_scheduler(dask_process, tmp_path)
    start_worker(dask_process, address)
    options = f"GenerateOptions(factory='pipeline_fakes:open_slow', cluster=scheduler_at({address!r}))"
    run = start_run(tmp_path / "out", options)
    wait_for_samples(run, 40)
    scheduler = subprocess.run(["pgrep", "-f", "dask scheduler"], capture_output=True, text=True).stdout.split()
    for pid in scheduler:
        os.kill(int(pid), signal.SIGKILL)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 1, errors
    assert "scheduler" in errors and "--resume" in errors
    assert_survived(tmp_path / "out")


def test_a_killed_driver_leaves_whole_files(
    tmp_path: Path, dask_process: Processes, start_run: Start, recipe: Recipe, calm: Path
) -> None:
    """The cluster lives on, and so may tasks of the dead driver: a new driver and they make the same bytes."""
    address = start_scheduler(dask_process, tmp_path)
    for _ in range(2):
        start_worker(dask_process, address)
    options = f"GenerateOptions(factory='pipeline_fakes:open_slow', cluster=scheduler_at({address!r}))"
    run = start_run(tmp_path / "out", options)
    wait_for_samples(run, 40)
    run.kill()
    run.wait()
    generate(recipe, tmp_path / "out", plain(resume=True, cluster=scheduler_at(address)))
    assert content(tmp_path / "out") == content(calm)


@pytest.mark.slow
def test_chaos_on_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's own chaos plugins: a worker lives two seconds on average, two of them need 7.5 for the 75 blocks of 0.2 s,
    so that none dies in one run of 2,000; no shard is blamed."""
    from distributed.chaos import KillWorker

    from synthgen.pipeline.run_dask import DaskPool

    killed = []
    register = DaskPool._register_plugin

    def register_with_chaos(pool: DaskPool) -> None:
        register(pool)
        for mode, delay in (("sys.exit", "4 s"), ("segfault", "4 s")):
            pool._client.register_plugin(KillWorker(delay=delay, mode=mode), name=f"chaos-{mode}")
        killed.append(pool)

    monkeypatch.setattr(DaskPool, "_register_plugin", register_with_chaos)
    recipe = parse_recipe(recipe_text(count=2400), "test.yaml")
    generate(recipe, tmp_path / "calm", plain(workers=1))
    options = plain(
        factory="open_slow", cluster=ClusterSpec(kind="local", workers=2), budget=FailureBudget(deaths=10, errors=5)
    )
    generate(recipe, tmp_path / "out", options)
    lines = (tmp_path / "out/runs/run-0001.jsonl").read_text().splitlines()
    workers = {json.loads(line)["worker"] for line in lines if '"worker"' in line}
    assert killed and len(workers) > 2  # some were replaced
    assert content(tmp_path / "out") == content(tmp_path / "calm")


def test_workers_that_would_make_other_bytes_are_refused(
    tmp_path: Path, recipe: Recipe, dask_process: Processes
) -> None:
    address = start_scheduler(dask_process, tmp_path)
    start_worker(dask_process, address, "--no-nanny", OMP_NUM_THREADS="4")
    with pytest.raises(UsageError, match=r"worker tcp://.*OMP_NUM_THREADS.* must be 1"):
        generate(recipe, tmp_path / "out", plain(cluster=scheduler_at(address)))
    assert not list((tmp_path / "out").glob("shard*"))


def test_a_renderer_that_does_not_open_is_said_once(tmp_path: Path, recipe: Recipe) -> None:
    from synthgen.core.errors import AssetError

    with pytest.raises(AssetError, match=r"worker tcp://.*x.png: the file is not a picture"):
        generate(recipe, tmp_path / "out", plain(factory="open_broken", cluster=ClusterSpec(kind="local")))


def test_no_scheduler_at_the_address(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthgen.pipeline import run_dask

    monkeypatch.setattr(run_dask, "_CONNECT_S", "1s")
    with pytest.raises(DatasetError, match="the Dask cluster cannot be used"):
        generate(recipe, tmp_path / "out", plain(cluster=scheduler_at("tcp://127.0.0.1:9")))


def test_tls(tmp_path: Path, recipe: Recipe, calm: Path, dask_process: Processes) -> None:
    """Scheduler, worker and client with one certificate, as docs/cluster.md says; without it nobody gets in."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=synthgen",
         "-keyout", key, "-out", cert], check=True, capture_output=True,
    )  # fmt: skip
    files = ["--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key]
    address = start_scheduler(dask_process, tmp_path, *files, protocol="tls")
    assert address.startswith("tls://")
    start_worker(dask_process, address, *files)
    spec = tmp_path / "cluster.yaml"
    spec.write_text(f"kind: scheduler\naddress: {address}\nsecurity: {{ca_file: {cert}, cert: {cert}, key: {key}}}\n")
    generate(recipe, tmp_path / "out", plain(cluster=load_cluster(spec)))
    assert content(tmp_path / "out") == content(calm)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: slurn\n", r"cluster.yaml:1:7: kind: unknown value 'slurn' \(did you mean 'slurm'\?\)"),
        ("kind: local\nworker: 3\n", r"cluster.yaml:2:1: worker: unknown key \(did you mean 'workers'\?\)"),
        ("kind: scheduler\n", "address is for kind: scheduler, which needs it"),
        ("kind: local\naddress: tcp://a:1\n", "cluster.yaml:2:10: address: address is for kind: scheduler"),
        ("kind: scheduler\naddress: somewhere\n", "expected an address such as tcp://host:8786"),
        ("kind: local\nworkers: 0\n", "workers: must be >= 1, got 0"),
        ("kind: ssh\n", "kind: ssh needs options"),
    ],
)
def test_mistakes_in_a_cluster_file_have_a_position(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=words):
        load_cluster(file)


def test_the_job_script_of_a_queue_is_shown(tmp_path: Path) -> None:
    if importlib.util.find_spec("dask_jobqueue") is None:
        pytest.skip("dask_jobqueue is not installed")
    from synthgen.pipeline.run_dask import job_script

    spec = ClusterSpec(
        kind="slurm", workers=4, options={"queue": "cpu", "cores": 1, "memory": "3GB", "walltime": "02:00:00"}
    )
    handler = signal.getsignal(signal.SIGINT)
    script = job_script(spec)
    assert signal.getsignal(signal.SIGINT) is handler  # which the library replaces when it is imported
    assert script is not None and "#SBATCH -p cpu" in script and "#SBATCH -t 02:00:00" in script
    assert "--nthreads 1" in script
    assert job_script(ClusterSpec(kind="local")) is None
    with pytest.raises(UsageError, match="cluster options of kind slurm"):
        job_script(ClusterSpec(kind="slurm", options={"queue": "cpu"}))
