"""Files for other tools: one module per format, found by :mod:`kg.exports.registry`."""
