"""What flows through a run and where it stands: records, tables, store, ledger, and files of records."""
