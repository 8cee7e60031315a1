"""From the heads of a knowledge base, through a pipeline, to its assertions.

=================  ==============================================================================
``settings``       all that can be chosen, checked, and the pipeline it makes
``servers``        who answers each stage
``heads``          the truth's rows as heads; its images as bytes
``committing``     rows into the table of assertions, in batches
``report``         what a run did
``looking``        what is looked at before it
``running``        the run itself
``estimating``     what it would ask and cost
``batches``        the same requests through batch files
``showing``        a run on a screen
``verbs``          all of that, as the Python API has it
=================  ==============================================================================
"""

from __future__ import annotations
