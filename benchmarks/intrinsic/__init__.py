"""How good what is written and judged is, on held-out heads, each beside simple baselines."""
