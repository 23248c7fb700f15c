"""The back office's pages that need every room: documents, desk, orders, connections, queue, people, dashboard."""

from connector.admin import completeness, connections, documents, orders, people, queue

__all__ = ["completeness", "connections", "documents", "orders", "people", "queue"]
