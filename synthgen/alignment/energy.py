"""How the terms of a fit's energy are weighed: a record that YAML files give (dfc equation 3).

data: 0.03
identity: 1.0
expression: 1.0
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from synthgen.recipe.load import load_section
from synthgen.recipe.section import Number, Section, problem

Weight = Annotated[Number, Field(ge=0)]

# The paper's weights. They belong to its model's standard deviations, which it does not give; read literally, with
# coefficients in standard deviations and the data term summed over all matched pixels of a 128 px picture.
PAPERS: dict[str, dict[str, float]] = {
    "dfc": {"data": 1.0, "noise_px": 1.0, "identity": 2.5e-5, "expression": 1000.0, "focal": 0.0}
}


class Energy(Section):
    """Weights of the terms; the energy is their plain sum.

    paper: weights of a publication, on which single ones may be set. data: of the squared distances of
    correspondences, px^2 of a picture whose longer side has 128, summed over its matched pixels, over noise_px^2.
    noise_px: standard deviation of a coordinate, None for what the picture's own residuals say. landmarks: of the
    squared distances of 68 annotated points, in the same pixels. identity, expression: of the squared coefficients over
    their standard deviations. temporal: of squared changes between consecutive frames of a clip. focal: of the squared
    change of the focal length's logarithm. Every term has the factor 1/2.
    """

    paper: Literal["dfc"] | None = None
    data: Weight = 0.03
    noise_px: Annotated[Number, Field(gt=0)] | None = None
    landmarks: Weight = 1.0
    identity: Weight = 1.0
    expression: Weight = 1.0
    temporal: Weight = 1.0
    focal: Weight = 1.0

    @model_validator(mode="before")
    @classmethod
    def _of_paper(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("paper"), str):
            return {**PAPERS.get(values["paper"], {}), **values}
        return values

    @model_validator(mode="after")
    def _sees_pictures(self) -> "Energy":
        if self.data == 0 and self.landmarks == 0:
            raise problem("data and landmarks are both 0: nothing ties the head to the picture", "data")
        return self


def load_energy(path: str | Path) -> Energy:
    """The weights in a YAML file. Raises RecipeError with every problem, `file:line:col: key: what is wrong`."""
    return load_section(path, Energy)
