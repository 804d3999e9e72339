"""Faults made on purpose, and what becomes of the events: ``python -m chaos --help``."""
