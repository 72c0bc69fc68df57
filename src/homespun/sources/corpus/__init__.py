"""Fictional company documents with questions: templates, pools, builder, checks, files."""
