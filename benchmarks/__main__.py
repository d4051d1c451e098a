"""`python -m benchmarks [SECTION]...`: figures beside their goals; also in out/bench.json. Sections: see SECTIONS."""

import sys
from collections.abc import Callable

import torch

from benchmarks.figures import Figure, print_table, save_figures
from benchmarks.workload import ROOT


def _raster() -> dict[str, list[Figure]]:
    from benchmarks.raster import SIZE, measure
    from synthgen.morphable.procedural.build import build_procedural_model

    sections = {}
    for resolution in ("base", "fine"):
        model = build_procedural_model(resolution)
        timings, coverage = measure(model, resolution)
        sizes = f"{len(model.mean)} vertices, {len(model.template.triangles)} triangles, coverage {coverage:.2f}"
        sections[f"stages, one core, {SIZE} x {SIZE}: {sizes}"] = [
            Figure(timing.stage, timing.milliseconds, "ms each", timing.goal, higher_is_better=False)
            for timing in timings
        ]
    return sections


def _throughput() -> dict[str, list[Figure]]:
    from benchmarks.throughput import measure_throughput

    return measure_throughput()


def _reading() -> dict[str, list[Figure]]:
    from benchmarks.reading import measure_reading

    return measure_reading()


def _scaling() -> dict[str, list[Figure]]:
    from benchmarks.scaling import measure_scaling

    return {"two workers, two cores": measure_scaling()}


def _fittings() -> dict[str, list[Figure]]:
    from benchmarks.fittings import measure_fittings

    return measure_fittings()


def _profiling() -> dict[str, list[Figure]]:
    from benchmarks.profiling import measure_profiling

    return measure_profiling()


def _video() -> dict[str, list[Figure]]:
    from benchmarks.video import measure_video

    return measure_video()


def _landmarks() -> dict[str, list[Figure]]:
    from benchmarks.landmark_fit import measure_landmark_fit

    return measure_landmark_fit()


def _alignment() -> dict[str, list[Figure]]:
    from benchmarks.alignment import measure_alignment

    return measure_alignment()


def _gradients() -> dict[str, list[Figure]]:
    from benchmarks.gradients import measure_gradients

    return measure_gradients()


def _photometric() -> dict[str, list[Figure]]:
    from benchmarks.photometric import measure_photometric

    return measure_photometric()


def _dask() -> dict[str, list[Figure]]:
    from benchmarks.dask_runs import measure_dask

    return measure_dask()


def _online() -> dict[str, list[Figure]]:
    from benchmarks.online import measure_online

    return measure_online()


SECTIONS: dict[str, Callable[[], dict[str, list[Figure]]]] = {
    "raster": _raster,
    "throughput": _throughput,
    "reading": _reading,
    "scaling": _scaling,
    "fittings": _fittings,
    "profiling": _profiling,
    "video": _video,
    "landmarks": _landmarks,
    "alignment": _alignment,
    "online": _online,
    "gradients": _gradients,
    "photometric": _photometric,
    "dask": _dask,
}


def main(names: list[str]) -> int:
    """Measure and print the sections called `names`, all by default; returns the exit code."""
    from synthgen.cli.env import environment_facts

    unknown = set(names) - set(SECTIONS)
    if unknown:
        print(f"unknown section {sorted(unknown)}, expected some of {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    facts = environment_facts()
    print(f"{facts['cpu']}, {facts['cores']} cores; one thread per process; ratio >= 1 reaches the goal")
    results: dict[str, list[Figure]] = {}
    for name in names or SECTIONS:
        sections = SECTIONS[name]()
        for title, figures in sections.items():
            print_table(title, figures)
        results |= sections
        save_figures(results, facts, ROOT / "out" / "bench.json")
    print(f"\n{ROOT / 'out' / 'bench.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
