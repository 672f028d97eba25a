"""Keeps one Traefik's routing table equal to the route objects of a namespace; stores nothing and decides nothing."""
