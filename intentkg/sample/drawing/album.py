"""All pictures of the sample by name."""

from __future__ import annotations

from intentkg.sample.drawing.carried import CARRIED
from intentkg.sample.drawing.indoors import INDOORS
from intentkg.sample.drawing.leisure import LEISURE
from intentkg.sample.drawing.moments import MOMENTS
from intentkg.sample.drawing.outdoors import OUTDOORS
from intentkg.sample.drawing.pen import Album

ALBUM = Album(INDOORS | CARRIED | OUTDOORS | LEISURE | MOMENTS)
