"""Scorers: numbers on rows; one file each."""
