"""The command line of the simulator."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from simulator.limits import UNLIMITED


@dataclass(frozen=True, slots=True)
class Options:
    """What the simulator is started with; docs/simulator.md explains each."""

    port: int = 0
    seed: int = 7
    max_send_rate: float = 500.0
    max_24_hour_send: float = 1_000_000
    accept_log: Path | None = None
    keep_bodies: Path | None = None
    event_log: Path | None = None
    sns_endpoint: str = ""
    topic_arn_critical: str = ""
    topic_arn_engagement: str = ""
    sns_subject: str = "Amazon SES Email Event Notification"
    event_delay_seconds: tuple[float, float] = (0.2, 2.0)
    duplicate_rate: float = 0.02
    reorder: bool = True
    profile: Path | None = None
    identity: tuple[str, ...] = ()
    tenant: tuple[str, ...] = ()
    configuration_set: tuple[str, ...] = ()
    default_configuration_set: str = ""
    region: str = "us-east-1"
    clock_speed: float = 1.0
    signature_seconds: float = 300.0


def parse(arguments: list[str]) -> Options:
    """Read the command line; exits with status 2 when it is wrong."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    for name in ("identity", "tenant", "configuration_set", "event_delay_seconds"):
        given[name] = tuple(given[name])
    if bool(given["sns_endpoint"]) != bool(given["topic_arn_critical"] or given["topic_arn_engagement"]):
        parser.error("--sns-endpoint and a --topic-arn-... need each other")
    return Options(**given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A stand-in for Amazon SES v2 on 127.0.0.1.",
        epilog="python -m simulator verdict ACCEPT_LOG counts what was sent twice.",
    )
    add = parser.add_argument
    add("--port", type=int, help="0 takes a free one; the URL is printed as one line of JSON")
    add("--seed", type=int, help="the fate of every recipient and the draws of faults come from it")
    add("--max-send-rate", type=float, metavar="N", help="recipients per second")
    add(
        "--max-24-hour-send",
        type=float,
        metavar="N",
        help=f"recipients in 24 hours, {UNLIMITED} for no limit",
    )
    add("--accept-log", type=Path, metavar="FILE", help="append every accepted message as a line of JSON")
    add("--keep-bodies", type=Path, metavar="DIR", help="write the contents of messages there")
    add("--event-log", type=Path, metavar="FILE", help="append events there when there is no SNS")
    add("--sns-endpoint", metavar="URL", help="where SNS, or its stand-in, listens")
    add(
        "--topic-arn-critical",
        metavar="ARN",
        help="for Send, Bounce, Complaint, DeliveryDelay, Reject and failures",
    )
    add("--topic-arn-engagement", metavar="ARN", help="for Delivery, Open and Click")
    add("--sns-subject", metavar="TEXT", help="the subject of events; empty for none")
    add("--event-delay-seconds", type=float, nargs=2, metavar=("MIN", "MAX"), help="how late each event is")
    add("--duplicate-rate", type=float, metavar="SHARE", help="events published twice")
    add("--reorder", action=argparse.BooleanOptionalAction, help="publish out of order within a small window")
    add("--profile", type=Path, metavar="FILE", help="JSON: how recipient domains behave")
    add(
        "--identity",
        action="append",
        metavar="DOMAIN",
        help="a verified domain or address; none given: all are",
    )
    add("--tenant", action="append", metavar="NAME", help="a known tenant; none given: all are")
    add("--configuration-set", action="append", metavar="NAME", help="a known one; none given: all are")
    add(
        "--default-configuration-set",
        metavar="NAME",
        help="for messages that name none; else they have no events",
    )
    add("--region", help="for ARNs and messages")
    add("--clock-speed", type=float, metavar="N", help="simulated seconds in a real one")
    add(
        "--signature-seconds",
        type=float,
        metavar="N",
        help="how old a signature may be; 0 takes unsigned calls",
    )
    defaults = {field.name: field.default for field in fields(Options)}
    # argparse appends to the default itself, so these must be lists of their own.
    parser.set_defaults(**defaults | {"identity": [], "tenant": [], "configuration_set": []})
    return parser
