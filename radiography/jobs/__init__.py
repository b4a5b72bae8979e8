"""Jobs: what each command does, as functions from files and settings to files and a record."""
