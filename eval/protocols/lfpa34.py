"""AFLW-LFPA: AFLW-PIFA's faces as dal2d reports them, all 34 points first."""

from dataclasses import replace
from functools import partial

from eval.protocols import aflw_pifa

PROTOCOL = replace(
    aflw_pifa.PROTOCOL, name="lfpa34", title=aflw_pifa.TITLES["lfpa34"], run=partial(aflw_pifa.run, "lfpa34")
)
