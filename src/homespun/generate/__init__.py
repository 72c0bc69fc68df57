"""Strategies that write rows; one file each."""
