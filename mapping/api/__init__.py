"""The mappings for other software."""
