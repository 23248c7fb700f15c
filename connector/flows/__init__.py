"""The verbs for each kind of document. Siblings have the same functions in the same order."""
