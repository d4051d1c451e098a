"""The tables of the five papers as data: published/PAPER.yaml."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from synthgen.core.errors import DatasetError
from synthgen.recipe.load import parse_yaml

FOLDER = Path(__file__).parent / "published"
PAPERS = ("dfc", "densereg", "dal2d", "tddfa_v2", "anisotropic")
NOTHING = "-"


@dataclass(frozen=True)
class Column:
    """name: as printed; protocol, variant, metric: the number of ours that belongs below it, "-" for none."""

    name: str
    protocol: str
    variant: str
    metric: str


@dataclass(frozen=True)
class Row:
    """method: as printed; values: one a column, as printed, "-" where the paper has none."""

    method: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table of a paper, or a part of one. part: which, "" for all; comparable: what to know before comparing."""

    paper: str
    number: str
    part: str
    caption: str
    unit: str
    comparable: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Where it is."""
        return f"{self.paper}, Table {self.number}" + (f" ({self.part})" if self.part else "")


@cache
def published_tables() -> tuple[Table, ...]:
    """All tables, in the order of the papers. Raises DatasetError for a file that breaks its own format."""
    return tuple(table for paper in PAPERS for table in _read_paper(FOLDER / f"{paper}.yaml"))


def tables_of(protocol: str) -> tuple[Table, ...]:
    """The tables with a column of this protocol."""
    return tuple(table for table in published_tables() if any(c.protocol == protocol for c in table.columns))


def _read_paper(file: Path) -> list[Table]:
    root = parse_yaml(file.read_text(encoding="utf-8"), file.name).plain()
    return [_table(root["paper"], entry, file.name) for entry in root["tables"]]


def _table(paper: str, entry: dict[str, str], file: str) -> Table:
    where = f"{file}: Table {entry['number']}"
    columns = tuple(Column(*cells) for cells in _cells(entry["columns"], 4, where))
    rows = tuple(Row(cells[0], tuple(cells[1:])) for cells in _cells(entry["rows"], 1 + len(columns), where))
    return Table(
        paper,
        entry["number"],
        entry.get("part", ""),
        entry["caption"],
        entry["unit"],
        entry["comparable"],
        columns,
        rows,
    )


def _cells(block: str, count: int, where: str) -> list[list[str]]:
    lines = [[cell.strip() for cell in line.split("|")] for line in block.splitlines() if line.strip()]
    for cells in lines:
        if len(cells) != count or not all(cells):
            raise DatasetError(f"{where}: {' | '.join(cells)}: {len(cells)} cells, expected {count}")
    return lines
