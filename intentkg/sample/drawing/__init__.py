"""The drawings of the bundled sample: flat icons made of a few shapes each.

``python -m intentkg.sample.drawing`` writes them all into the ``images`` folder beside this one;
the same Pillow draws the same pixels every time.
"""
