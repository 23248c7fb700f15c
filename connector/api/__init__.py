"""`/api/v1/`: what other software may see and do. Every address calls one verb of the layer below and decides nothing."""
