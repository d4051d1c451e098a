"""A cluster on paper: a discrete-event simulation of the driver's window, the scheduler's rate and dying workers."""

import heapq
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class ClusterInputs:
    """What is measured or assumed.

    tasks_per_s: measured scheduling rate; samples_per_s: of one worker; shard_size: samples; start_s: of a worker
    until its renderer is open; life_s: mean life of a worker (a preempted node), exponential; spread: of the time of a
    shard, standard deviation over mean.
    """

    tasks_per_s: float
    samples_per_s: float = 100.0
    shard_size: int = 1000
    samples: int = 10_000_000
    workers: int = 1000
    start_s: float = 20.0
    life_s: float = 3600.0
    spread: float = 0.1

    def describe(self) -> str:
        """One line for a table."""
        return (
            f"{self.workers} workers at {self.samples_per_s:.0f} samples/s, shards of {self.shard_size}, "
            f"{self.tasks_per_s:.0f} tasks/s, a worker lives {self.life_s / 3600:.1f} h, starts in {self.start_s:.0f} s"
        )


@dataclass(frozen=True)
class ClusterOutcome:
    """hours: from start to the last shard; efficiency: useful over available worker time; deaths: of workers;
    scheduler_load: share of the scheduler's rate that was used."""

    hours: float
    efficiency: float
    deaths: int
    scheduler_load: float


def simulate(inputs: ClusterInputs, seed: int = 0) -> ClusterOutcome:
    """Run the model once.

    A worker asks, waits for the scheduler (one server, constant service time), builds a shard, asks again; when its
    life ends, the shard it was building goes back to the queue and a new worker starts.
    """
    rng = random.Random(seed)
    todo = -(-inputs.samples // inputs.shard_size)
    mean = inputs.shard_size / inputs.samples_per_s
    service, free, useful = 1.0 / inputs.tasks_per_s, 0.0, 0.0
    events = [
        (inputs.start_s, number, inputs.start_s + rng.expovariate(1 / inputs.life_s))
        for number in range(inputs.workers)
    ]
    heapq.heapify(events)
    deaths, end, submitted = 0, 0.0, 0
    pending: list[float] = []  # ends of lost tries: their shards can be given out again from then on
    while events and (todo or pending):
        now, number, dies = heapq.heappop(events)
        if not todo:
            # Nothing to give out now; perhaps a lost shard comes back.
            if pending[0] > now:
                heapq.heappush(events, (pending[0], number, max(dies, pending[0] + 1.0)))
                continue
            heapq.heappop(pending)
            todo += 1
        todo -= 1
        submitted += 1
        free = max(free, now) + service
        duration = max(rng.gauss(mean, inputs.spread * mean), 0.1 * mean)
        done = free + duration
        if done > dies:
            deaths += 1
            heapq.heappush(pending, dies)
            again = dies + inputs.start_s
            heapq.heappush(events, (again, number, again + rng.expovariate(1 / inputs.life_s)))
            continue
        useful += duration
        end = max(end, done)
        heapq.heappush(events, (done, number, dies))
        while pending and pending[0] <= now:
            heapq.heappop(pending)
            todo += 1
    return ClusterOutcome(end / 3600, useful / (end * inputs.workers), deaths, submitted * service / end)
