"""No sample whose labels fail their own checks is written."""

from synthgen.core.check_limits import broken_limits
from synthgen.core.errors import LabelError
from synthgen.dataset.sample import Sample


def check_labels(sample: Sample, shard: int) -> None:
    """Raises LabelError naming every check of a sample that is beyond its limit, and how to look at the sample."""
    problems = list(broken_limits(sample.checks))
    if problems:
        raise LabelError(
            f"sample {sample.index}: {'; '.join(problems)}. Shard {shard} is not published. Look at the sample with: "
            f"synthgen preview RECIPE --first {sample.index} -n 1 -o sample_{sample.index}.png"
        )
