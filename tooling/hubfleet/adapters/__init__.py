"""The outside world behind the ports: processes, git, Helm, Kubernetes, kind. Imported by `cli` only."""
