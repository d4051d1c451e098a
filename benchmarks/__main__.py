"""`python -m benchmarks [SECTION]...`: figures beside their goals; also in out/bench.json. Sections: see SECTIONS."""

import sys
from importlib import import_module

import torch

from benchmarks.figures import Figure, print_table, save_figures
from benchmarks.workload import ROOT

# Name -> "module:function" that gives section titles and their figures; loaded when it is asked for.
SECTIONS = {
    "raster": "benchmarks.raster:measure_raster",
    "throughput": "benchmarks.throughput:measure_throughput",
    "reading": "benchmarks.reading:measure_reading",
    "scaling": "benchmarks.scaling:measure_scaling",
    "fittings": "benchmarks.fittings:measure_fittings",
    "profiling": "benchmarks.profiling:measure_profiling",
    "video": "benchmarks.video:measure_video",
    "landmarks": "benchmarks.landmark_fit:measure_landmark_fit",
    "alignment": "benchmarks.alignment:measure_alignment",
    "photometric": "benchmarks.photometric:measure_photometric",
    "gradients": "benchmarks.gradients:measure_gradients",
    "online": "benchmarks.online:measure_online",
    "scoring": "benchmarks.scoring:measure_scoring",
    "parameter_weights": "benchmarks.parameter_weights:measure_parameter_weights",
    "dask": "benchmarks.dask_runs:measure_dask",
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
        module, _, function = SECTIONS[name].partition(":")
        sections: dict[str, list[Figure]] = getattr(import_module(module), function)()
        for title, figures in sections.items():
            print_table(title, figures)
        results |= sections
        save_figures(results, facts, ROOT / "out" / "bench.json")
    print(f"\n{ROOT / 'out' / 'bench.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
