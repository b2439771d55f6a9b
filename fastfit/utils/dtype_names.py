"""Names of dtypes, for modules that import nothing else."""

INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
