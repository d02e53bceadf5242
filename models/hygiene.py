"""A night of hygiene at one tenant: whom its rules would take, what a person said of it, and how far it has come."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Text, text
from sqlmodel import Column, Field, SQLModel

from core.hygiene import Rule
from core.hygiene_runs import Outcome, RunState
from models.base import (
    created,
    identity,
    json_list,
    json_object,
    moment,
    one_of,
    part_of_key,
    tenant_key,
    word,
    words,
)


class HygieneRun(SQLModel, table=True):
    """One night. `policy` is what it was decided by, `lists` says how much of each list would leave."""

    __tablename__ = "hygiene_run"
    __table_args__ = (
        one_of("state", RunState, "hygiene_run_state"),
        # One at a time: what a person approves is what is applied.
        Index(
            "hygiene_run_open",
            "tenant_id",
            unique=True,
            postgresql_where=text("state = ANY (ARRAY['waiting'::text, 'applying'::text])"),
        ),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    state: RunState = Field(sa_column=word("state", of=RunState))
    policy: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("policy"))
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("counts"))
    lists: list[Any] = Field(default_factory=list, sa_column=json_list("lists"))
    created_at: datetime | None = Field(default=None, sa_column=created())
    waits_until: datetime | None = Field(default=None, sa_column=moment("waits_until"))
    decided_by: str | None = Field(default=None, sa_column=words("decided_by", required=False))
    decided_why: str | None = Field(default=None, sa_column=words("decided_why", required=False))
    decided_at: datetime | None = Field(default=None, sa_column=moment("decided_at"))
    finished_at: datetime | None = Field(default=None, sa_column=moment("finished_at"))


class HygieneRemoval(SQLModel, table=True):
    """A person whom one night's rules take. `outcome` says what became of it when its turn came."""

    __tablename__ = "hygiene_removal"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["hygiene_run.tenant_id", "hygiene_run.id"]),
        one_of("rule", Rule, "hygiene_removal_rule"),
        one_of("outcome", Outcome, "hygiene_removal_outcome"),
        Index(
            "hygiene_removal_waiting",
            "tenant_id",
            "run_id",
            "recipient_key",
            postgresql_where=text("outcome IS NULL"),
        ),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    run_id: int = Field(sa_column=part_of_key("run_id"))
    recipient_key: str = Field(sa_column=Column("recipient_key", Text, primary_key=True))
    rule: Rule = Field(sa_column=word("rule", of=Rule))
    outcome: Outcome | None = Field(default=None, sa_column=word("outcome", of=Outcome, required=False))
