"""Strategies that bring records in from outside; one file each."""
