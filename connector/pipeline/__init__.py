"""The one road: documents are read and matched, delivered, and looked for when nobody knows (DESIGN.md).

Everything here may run twice, in several processes, and be killed anywhere: the rows say what is left to do.
"""

from connector.pipeline.outgoing import cancelled_or_gone, order_shown, replay_delivered, revise, send_order
from connector.pipeline.sweep import Swept, sweep
from connector.pipeline.wakes import orders_arrived

__all__ = [
    "Swept",
    "cancelled_or_gone",
    "order_shown",
    "orders_arrived",
    "replay_delivered",
    "revise",
    "send_order",
    "sweep",
]
