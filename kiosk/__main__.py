"""Run the command line by `python -m kiosk`."""

from kiosk.cli import main

if __name__ == "__main__":
    main()
