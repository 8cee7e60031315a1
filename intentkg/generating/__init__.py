"""From the heads of a knowledge base, through a pipeline, to its assertions.

=================  ==============================================================================
``settings``       all that can be chosen, checked, and the pipeline it makes
``servers``        who answers each stage
``heads``          the truth's rows as heads; its images as bytes
``committing``     rows into the table of assertions, in batches
``report``         what a run did
``running``        the run itself
=================  ==============================================================================
"""

from __future__ import annotations
