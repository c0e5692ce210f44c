"""`python -m kerasnets` is the command `kerasnets`."""

from kerasnets.cli.main import main

if __name__ == "__main__":
    main()
