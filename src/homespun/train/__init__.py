"""Trainers: rows in, adapter out."""
