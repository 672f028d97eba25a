"""Hubfleet plans, deploys and proves the JupyterHub releases that a change touches."""
