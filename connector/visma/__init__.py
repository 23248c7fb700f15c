"""Visma.net ERP as a purchasing connector needs it: typed rows in, strict bodies out, one method per endpoint."""
