"""The outside world on loopback: stand-ins for Visma.net ERP and SPS Commerce, suppliers that answer, a warehouse.

Knows the two reference documents and nothing else of this project.
"""

from connector.sandbox.faults import KINDS, Faults
from connector.sandbox.mistakes import MISTAKES, Expected
from connector.sandbox.partner import Partner
from connector.sandbox.sps import SandboxSps
from connector.sandbox.visma import SandboxVisma
from connector.sandbox.visma_orders import Wanted
from connector.sandbox.world import Credentials, World

__all__ = [
    "KINDS",
    "MISTAKES",
    "Credentials",
    "Expected",
    "Faults",
    "Partner",
    "SandboxSps",
    "SandboxVisma",
    "Wanted",
    "World",
]
