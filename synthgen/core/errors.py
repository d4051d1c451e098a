"""The errors a user can meet, each with the exit code of the command line.

SynthgenError                1
├── UsageError               2   a wrong argument of a command or function
├── RecipeError              2   a recipe that cannot be used; holds every problem at once
├── AssetError               1   a background, texture, light or annotation file
│   └── UnusableAssetError   1   its bytes were read and cannot be used: so it is on every machine
├── ModelError               1   a morphable model file
├── LabelError               1   a label that fails its own check
├── DeviceError              1   a device whose memory is full
├── DatasetError             1   a dataset, shard or index that cannot be read or written
│   ├── QuarantineError      3   a run that finished but gave shards up
│   ├── VerifyError          4   verification found damage
│   └── FingerprintError     5   the folder belongs to another recipe
└── LockError                5   another run holds the output folder

A message names what was wrong, where, what was expected and what to do. The command line prints it without a
traceback; anything that is not a SynthgenError is a bug.
"""

from collections.abc import Sequence


class SynthgenError(Exception):
    """Base of every error meant for a user."""

    exit_code = 1


class UsageError(SynthgenError):
    """A wrong argument of a command or of a public function."""

    exit_code = 2


class RecipeError(SynthgenError):
    """A recipe that cannot be used; `problems` holds every complaint, one line each."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class AssetError(SynthgenError):
    """A background, texture, light or annotation file that is missing or unusable."""


class UnusableAssetError(AssetError):
    """An asset whose bytes were read and cannot be used, which every machine that has the same bytes finds.

    Where a recipe names a folder, another file takes its place. A file that is missing or cannot be read raises plain
    AssetError: another worker might read it, and both must make the same sample.
    """


class ModelError(SynthgenError):
    """A morphable model file that is missing, damaged or inconsistent."""


class LabelError(SynthgenError):
    """A label that fails its own check."""


class DeviceError(SynthgenError):
    """A device that cannot do what is asked of it, for example because its memory is full."""


class DatasetError(SynthgenError):
    """A dataset, shard or index that cannot be read or written."""


class QuarantineError(DatasetError):
    """A run that built everything but some shards, which it gave up."""

    exit_code = 3


class VerifyError(DatasetError):
    """Verification found damage."""

    exit_code = 4


class FingerprintError(DatasetError):
    """The output folder holds a dataset of another recipe or version."""

    exit_code = 5


class LockError(SynthgenError):
    """Another run holds the output folder."""

    exit_code = 5
