"""The page that people see while the hub is away. It needs nothing from elsewhere."""

from __future__ import annotations

RETRY_AFTER = 15  # seconds

PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{RETRY_AFTER}">
<title>JupyterHub is starting</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto 0; padding: 0 1rem;
       color: #333; background: #fff; }}
h1 {{ font-size: 1.6rem; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #ddd; background: #1c1c1c; }} }}
</style>
</head>
<body>
<h1>JupyterHub is away for a moment</h1>
<p>Servers that already run keep running: go on with your work there.</p>
<p>Logging in and starting a server work again as soon as JupyterHub is back.
This page tries again every {RETRY_AFTER} seconds.</p>
</body>
</html>
"""
