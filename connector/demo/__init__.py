"""The whole thing on loopback: a sandbox of both systems, a demo company, workers, web. Nothing here serves production."""
