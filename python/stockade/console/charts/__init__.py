"""Geometry of charts: from rows to shapes; templates draw them as SVG."""
