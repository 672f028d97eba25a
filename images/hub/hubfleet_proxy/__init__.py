"""A JupyterHub proxy whose routes are objects of the cluster.

`c.JupyterHub.proxy_class = "hubfleet_proxy.KubernetesProxy"`
"""

from __future__ import annotations

from hubfleet_proxy.proxy import KubernetesProxy

__all__ = ["KubernetesProxy"]
