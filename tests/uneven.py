"""The parts of the sandbox's balance that are empty when all is well and everything is done."""

UNEVEN = (
    "duplicate_orders",
    "missing_orders",
    "refused_orders",
    "duplicate_receipts",
    "unreleased_receipts",
    "duplicate_invoices",
    "lost",
    "unexpected",
    "unread_deleted",
    "files_waiting",
)
