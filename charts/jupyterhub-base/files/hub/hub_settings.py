"""Turns the chart's values into traits of JupyterHub, its authenticator and its proxy class."""

from __future__ import annotations

from typing import Any

import hub_services
from z2jh import FOLDER, get_secret_value

PASSWORD = FOLDER.with_name(f"{FOLDER.name}-login") / "password"

# Trait → value below `hub`; the names are zero-to-jupyterhub's.
DIRECT = {
    "active_server_limit": "activeServerLimit",
    "allow_named_servers": "allowNamedServers",
    "base_url": "baseUrl",
    "concurrent_spawn_limit": "concurrentSpawnLimit",
    "named_server_limit_per_user": "namedServerLimitPerUser",
    "redirect_to_server": "redirectToServer",
    "shutdown_on_logout": "shutdownOnLogout",
    "template_vars": "templateVars",
}

Traits = dict[str, Any]


def traits(values: Traits) -> dict[str, Traits]:
    """Everything that the values say about the hub, by section of the configuration."""
    hub = values["hub"]
    direct = {trait: hub[key] for trait, key in DIRECT.items() if hub.get(key) is not None}
    services = hub_services.services(values)
    sections: dict[str, Traits] = {
        "JupyterHub": {**direct, **fixed(hub["db"]), **services},
        "CryptKeeper": {"keys": [key for key in get_secret_value("hub.config.CryptKeeper.keys", "").split(";") if key]},
        "KubernetesProxy": {"api_token": get_secret_value("proxy.token")},
        "Spawner": {"consecutive_failure_limit": hub["consecutiveFailureLimit"]},
    }
    if hub["demoLogin"]["enabled"]:
        sections["JupyterHub"]["authenticator_class"] = "shared-password"
        sections["SharedPasswordAuthenticator"] = demo_login(hub["demoLogin"]["username"])
    if values["debug"]["enabled"]:
        sections["JupyterHub"]["log_level"] = "DEBUG"
        sections["Spawner"]["debug"] = True
    return sections


def fixed(database: Traits) -> Traits:
    """Give what holds of every hub of this chart."""
    return {
        "authenticate_prometheus": False,  # the proxy never leads there, and NetworkPolicies say who else may
        "cleanup_servers": False,  # people's servers outlive the hub
        "cookie_secret": bytes.fromhex(get_secret_value("hub.config.JupyterHub.cookie_secret")),
        "db_url": database_url(database),
        "hub_bind_url": "http://:8081",
        "hub_connect_url": "http://hub:8081",
        "proxy_class": "hubfleet_proxy.KubernetesProxy",
        "tornado_settings": {"slow_spawn_timeout": 0},  # to the progress page at once
        "upgrade_db": database["upgrade"],
    }


def database_url(database: Traits) -> str:
    """Where the hub keeps its state."""
    if database["type"] == "sqlite-pvc":
        return "sqlite:////srv/jupyterhub/jupyterhub.sqlite"
    if database["type"] == "sqlite-memory":
        return "sqlite://"
    return str(database["url"])


def demo_login(username: str) -> Traits:
    """One generated password for two names: the demo's and the one that proves deploys."""
    return {"allowed_users": {username, hub_services.GATE}, "user_password": PASSWORD.read_text().strip()}
