"""Nouns: SQLModel tables with their constraints and no behaviour. Importing this imports them all, for Alembic."""

from models.anomaly import BounceAnomaly, HardBounce
from models.audit_chain import AuditChain
from models.breaker import Breaker, BreakerCount, BreakerFirst, CampaignVanguard
from models.campaign import Campaign, CampaignExclusion, CampaignProvider, TemplateVersion
from models.campaign_forecast import CampaignForecast
from models.contact import (
    Audience,
    AudienceMember,
    Contact,
    ContactImport,
    ContactState,
    ImportRejection,
    Purpose,
)
from models.delivery import AuditEntry, CampaignRollup, Delivery, DeliveryAttempt, DeliveryFact
from models.hygiene import HygieneRemoval, HygieneRun
from models.inbox_event import InboxEvent
from models.ledger_quarantine import LedgerQuarantine
from models.mailbox_domain import MailboxDomain
from models.preference import MailedUnsubscribe, Preference
from models.preflight_override import PreflightOverride
from models.reconciliation import ReconciledHour, Reconciliation
from models.seed import SeedAddress, SeedList, SeedSend
from models.sender_turn import RateLimit, SenderTurn
from models.sending_domain import ProviderStanding, SendingDomain, WarmupAllowance
from models.ses_account import SesAccount
from models.suppression import GlobalSuppression, SesListing, Suppression, SuppressionChange
from models.tenant import Tenant


__all__ = [
    "Audience",
    "AudienceMember",
    "AuditChain",
    "AuditEntry",
    "BounceAnomaly",
    "Breaker",
    "BreakerCount",
    "BreakerFirst",
    "Campaign",
    "CampaignExclusion",
    "CampaignForecast",
    "CampaignProvider",
    "CampaignRollup",
    "CampaignVanguard",
    "Contact",
    "ContactImport",
    "ContactState",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryFact",
    "GlobalSuppression",
    "HardBounce",
    "HygieneRemoval",
    "HygieneRun",
    "ImportRejection",
    "InboxEvent",
    "LedgerQuarantine",
    "MailboxDomain",
    "MailedUnsubscribe",
    "Preference",
    "PreflightOverride",
    "ProviderStanding",
    "Purpose",
    "RateLimit",
    "ReconciledHour",
    "Reconciliation",
    "SeedAddress",
    "SeedList",
    "SeedSend",
    "SenderTurn",
    "SendingDomain",
    "SesAccount",
    "SesListing",
    "Suppression",
    "SuppressionChange",
    "TemplateVersion",
    "Tenant",
    "WarmupAllowance",
]
