"""The commands of the command line, one file each. Words, tables and exit codes only; never a decision."""
