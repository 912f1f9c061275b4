"""``python -m imagefaulty``: the command line."""

from imagefaulty.cli import main

main()
