"""Whether the same heads get intentions of the same meaning when they are asked otherwise."""

from queries.robustness.measuring import AXES, Agreement, Axis, Robustness, measure

__all__ = ["AXES", "Agreement", "Axis", "Robustness", "measure"]
