"""Records in files and folders as other tools leave them: found, read record by record, written back."""
