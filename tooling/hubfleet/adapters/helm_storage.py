"""What Helm keeps of a revision in a Secret. Reads Helm's format and nothing else."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any


def manifests(release: str) -> str:
    """Return the manifests of a revision, hooks included, from the decoded value `release` of Helm's Secret.

    Helm encodes its gzipped JSON in base64 once more than Kubernetes does.
    """
    stored: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(release)))
    hooks = [f"---\n# Source: {hook['path']}\n{hook['manifest']}" for hook in stored.get("hooks") or ()]
    return "\n".join([str(stored.get("manifest") or ""), *hooks])
