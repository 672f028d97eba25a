"""Lets `python -m hubfleet` do what the command `hubfleet` does."""

from hubfleet.cli import main

if __name__ == "__main__":
    main()
