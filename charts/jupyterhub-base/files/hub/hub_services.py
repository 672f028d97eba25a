"""The hub's services and roles: those of the values, the idle culler, and the one that proves deploys."""

from __future__ import annotations

import sys
from typing import Any

from z2jh import FOLDER, get_secret_value

GATE = "hubfleet-gate"
CULLER = FOLDER / "culler.py"

Traits = dict[str, Any]


def services(values: Traits) -> Traits:
    """Give the two traits of JupyterHub that hold services and their roles."""
    hub = values["hub"]
    listed = [service(name, said) for name, said in sorted(hub["services"].items())]
    roles = [{"name": name, **role} for name, role in sorted(hub["loadRoles"].items())]
    if values["cull"]["enabled"]:
        listed.append(culler(values["cull"], hub["baseUrl"]))
        roles.append(culler_role(values["cull"]))
    if hub["gate"]["enabled"]:
        listed.append(service(GATE, {}))
        roles.append(gate_role())
    return {"services": listed, "load_roles": roles}


def service(name: str, said: Traits) -> Traits:
    """One service of the values; its token comes from the Secret unless the hub starts it and hands it one."""
    found = {"name": name, **{key: value for key, value in said.items() if key != "apiToken"}}
    token = said.get("apiToken") or get_secret_value(f"hub.services.{name}.apiToken", "" if "command" in said else None)
    return {**found, **({"api_token": token} if token else {})}


def culler(cull: Traits, base_url: str) -> Traits:
    """Describe the service that stops servers which nobody uses."""
    argv = [
        *(sys.executable, str(CULLER), f"--delay={cull['delay']}"),
        f"--url=http://localhost:8081{base_url.rstrip('/')}/hub/api",
        f"--timeout={cull['timeout']}",
        f"--cull-every={cull['every']}",
        f"--concurrency={cull['concurrency']}",
        f"--max-age={cull['maxAge']}",
        f"--cull-users={cull['users']}",
        f"--cull-admin-users={cull['adminUsers']}",
        f"--remove-named-servers={cull['removeNamedServers']}",
    ]
    return {"name": "jupyterhub-idle-culler", "command": argv}


def culler_role(cull: Traits) -> Traits:
    """Grant what the culler needs; deleting users only where it is to do that."""
    scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    return {
        "name": "jupyterhub-idle-culler",
        "scopes": [*scopes, *(["admin:users"] if cull["users"] else [])],
        "services": ["jupyterhub-idle-culler"],
    }


def gate_role() -> Traits:
    """Grant what proves a deploy without a login form: power over the one user of that name, and no other."""
    scopes = ("admin:users", "servers", "tokens", "access:servers")
    return {"name": GATE, "scopes": [f"{scope}!user={GATE}" for scope in scopes], "services": [GATE]}
