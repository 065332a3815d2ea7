"""Seeded scenes of simple shapes with exact truth."""
