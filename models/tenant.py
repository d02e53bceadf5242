"""A tenant: one client of the agency, its identity in mail and its state."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, Text
from sqlmodel import Column, Field, SQLModel

from core.tenants import DeliveryApi, TenantState
from models.base import created, identity, json_object, one_of, word, words


class Tenant(SQLModel, table=True):
    """Who sends. `ses_tenant_name` and `configuration_set` are SES's own isolation of it.

    `locale` is that of readers who say nothing; empty, they get a template's default files.
    `weight` is its share of an account's rate, in proportion to those of the others who send.
    """

    __tablename__ = "tenant"
    __table_args__ = (
        one_of("state", TenantState, "tenant_state"),
        one_of("delivery_api", DeliveryApi, "tenant_delivery_api"),
        CheckConstraint("weight BETWEEN 0.01 AND 100", name="tenant_weight"),
    )

    id: int | None = Field(default=None, sa_column=identity())
    slug: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    name: str = Field(sa_column=words("name"))
    from_name: str = Field(sa_column=words("from_name"))
    from_address: str = Field(sa_column=words("from_address"))
    reply_to: str = Field(sa_column=words("reply_to"))
    postal_address: str = Field(sa_column=words("postal_address"))
    website: str = Field(default="", sa_column=words("website", ""))
    time_zone: str = Field(default="UTC", sa_column=words("time_zone", "UTC"))
    locale: str = Field(default="", sa_column=words("locale", ""))
    state: TenantState = Field(
        default=TenantState.ACTIVE, sa_column=word("state", TenantState.ACTIVE, of=TenantState)
    )
    state_reason: str = Field(default="", sa_column=words("state_reason", ""))
    ses_tenant_name: str | None = Field(default=None, sa_column=words("ses_tenant_name", required=False))
    configuration_set: str | None = Field(default=None, sa_column=words("configuration_set", required=False))
    delivery_api: DeliveryApi = Field(
        default=DeliveryApi.SINGLE, sa_column=word("delivery_api", DeliveryApi.SINGLE, of=DeliveryApi)
    )
    weight: float = Field(default=1, sa_column=Column(Float, nullable=False, server_default="1"))
    policies: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("policies"))
    created_at: datetime | None = Field(default=None, sa_column=created())
