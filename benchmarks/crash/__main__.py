"""Kill everything again and again while a campaign is sent: `python -m benchmarks.crash`. Exit 1 if that did harm."""

import argparse
import signal
import sys

from benchmarks.crash.chaos import Options, as_line, as_text, torment
from core.deliveries import Policy
from core.tenants import DeliveryApi


ROWS_FOR_A_KILL = 20


def main() -> int:
    """Return 1 if somebody was lost, doubled, told wrongly or left open, or caps were not kept, or not reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="SIGKILLs of workers and the keeper")
    parser.add_argument("--rows", type=int, help=f"people; {ROWS_FOR_A_KILL} for each kill, and 200 at least")
    parser.add_argument("--policy", choices=[*map(str, Policy)], default=str(Policy.EVIDENCE))
    parser.add_argument("--api", choices=[*map(str, DeliveryApi)], default=str(DeliveryApi.SINGLE))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument(
        "--event-loss", type=_share, default=0.0, help="of messages nobody is told of; 1 for all"
    )
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument("--caps", action="store_true", help="warm up at three mailbox providers, in two days")
    parser.add_argument("--naive", action="store_true", help="the usual worker, to compare with")
    words = parser.parse_args()
    options = Options(
        kills=words.kills,
        rows=words.rows or max(200, ROWS_FOR_A_KILL * words.kills),
        policy=Policy(words.policy),
        api=DeliveryApi(words.api),
        seed=words.seed,
        workers=words.workers,
        naive=words.naive,
        event_loss=words.event_loss,
        caps=words.caps,
    )
    # Whoever gives up on us (`timeout`, a CI) gets the same tidy end as Ctrl-C: no process and no folder stays behind.
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs do not hear it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    report = torment(options)
    print(as_line(report) if words.json else as_text(report))
    return int(not report.ok(options.policy))


def _share(word: str) -> float:
    """Read a share between 0 and 1."""
    share = float(word)
    if not 0 <= share <= 1:
        raise ValueError(f"{word} is no share")
    return share


if __name__ == "__main__":
    sys.exit(main())
