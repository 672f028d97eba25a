"""What Helm keeps of a revision is read as Helm writes it."""

from __future__ import annotations

import base64
import gzip
import json

from hubfleet.adapters.helm_storage import manifests


def test_manifests_come_with_their_hooks() -> None:
    hook = {"path": "x/templates/job.yaml", "manifest": "kind: Job"}
    stored = {"name": "x", "manifest": "---\nkind: Service\n", "hooks": [hook]}
    encoded = base64.b64encode(gzip.compress(json.dumps(stored).encode())).decode()
    assert manifests(encoded) == "---\nkind: Service\n\n---\n# Source: x/templates/job.yaml\nkind: Job"


def test_a_chart_without_anything_has_no_manifests() -> None:
    assert manifests(base64.b64encode(gzip.compress(b'{"name": "x"}')).decode()) == ""
