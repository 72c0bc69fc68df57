"""The sections of the page of a run, one file each or one per family, with their templates."""
