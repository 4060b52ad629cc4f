"""Telling: plans, records and results come in; tables, progress, JUnit XML and the catalogue go out."""

__all__ = ["catalogue", "details", "doctor", "progress", "results", "states", "tables", "timing"]
