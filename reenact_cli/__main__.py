"""`python -m reenact_cli` is `reenact`."""

from reenact_cli.main import main

if __name__ == "__main__":
    main()
