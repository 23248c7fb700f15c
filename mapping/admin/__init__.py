"""The back office's pages for parties, mappings and the mirrors that need no upper room."""

from mapping.admin import mirrors, parties, references

__all__ = ["mirrors", "parties", "references"]
