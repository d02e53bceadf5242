"""`python -m simulator` serves; `python -m simulator verdict ACCEPT_LOG` judges what was served."""

import json
import sys
from pathlib import Path

from simulator.journal import read_log, verdict
from simulator.options import parse
from simulator.server import serve


def main(arguments: list[str]) -> int:
    """Run one of the two and return the exit status."""
    match arguments:
        case ["verdict", log]:
            sys.stdout.write(json.dumps(verdict(read_log(Path(log))), indent=2) + "\n")
        case ["verdict", *_]:
            sys.stderr.write("usage: python -m simulator verdict ACCEPT_LOG\n")
            return 2
        case _:
            serve(parse(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
