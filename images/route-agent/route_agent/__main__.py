"""Runs the agent in a pod; the only place that reads the environment."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from route_agent.agent import Agent, Settings
from route_agent.server import Server
from route_agent.watch import Api

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def main() -> None:
    """Follow and answer until SIGTERM."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    env = os.environ
    settings = Settings(
        namespace=env["HUBFLEET_NAMESPACE"],
        directory=Path(env.get("HUBFLEET_DYNAMIC_DIR", "/etc/traefik/dynamic")),
        base_url=env.get("HUBFLEET_BASE_URL", "/"),
        port=int(env.get("HUBFLEET_PORT", "8001")),
        traefik=env.get("HUBFLEET_TRAEFIK", "http://127.0.0.1:9000"),
    )
    agent = Agent(settings, _api(Path(env.get("HUBFLEET_ACCOUNT_DIR", str(_ACCOUNT)))))
    server = Server(settings.port, agent, Path(env.get("HUBFLEET_TOKEN_FILE", "/etc/hubfleet/token")))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    agent.start()
    server.serve_forever()


def _api(account: Path) -> Api:
    ca = account / "ca.crt"
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    return Api(host, port, account / "token", ca if ca.exists() else None)


if __name__ == "__main__":
    main()
