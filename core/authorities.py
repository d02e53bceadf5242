"""Authorities: who says so. The texts that the rules of preflight were read in, each with its address and its date.

Terms:
    dated: of which date the text is, as exact as it is known: `2026-03-21`, `2017-01`. A provider's page is dated by
        the copy that was read, for it says nothing itself.

See:
    docs/preflight.md
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Who says so, where, and of which date its text is. What is observed or ours has no `url`."""

    authority: str
    document: str
    dated: str
    url: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the source as the command line answers it."""
        return {
            "authority": self.authority,
            "document": self.document,
            "dated": self.dated,
            "url": self.url,
        }

    def __str__(self) -> str:
        return f"{self.authority}, {self.document} ({self.dated})"


def _rfc(number: int, name: str, dated: str) -> Source:
    return Source(f"RFC {number}", name, dated, f"https://www.rfc-editor.org/rfc/rfc{number}")


GOOGLE = Source(
    "Google", "Email sender guidelines", "2026-03-21", "https://support.google.com/a/answer/81126"
)
GOOGLE_NAMES = Source(
    "Google", "Display name guidelines", "2025-04-19", "https://support.google.com/a/answer/81126"
)
GOOGLE_LIMITS = Source(
    "Google", "Gmail message header limits", "2024", "https://support.google.com/a/answer/14016360"
)
YAHOO = Source("Yahoo", "Sender requirements", "2025-04-10", "https://senders.yahooinc.com/best-practices/")
YAHOO_FAQ = Source("Yahoo", "Sender FAQs", "2025-08-02", "https://senders.yahooinc.com/faqs/")
YAHOO_CODES = Source(
    "Yahoo", "SMTP error codes", "2026-02-15", "https://senders.yahooinc.com/smtp-error-codes/"
)
MICROSOFT = Source(
    "Microsoft",
    "Outlook's requirements for high-volume senders",
    "2025-04-30",
    "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/4399730",
)
MICROSOFT_HELP = Source(
    "Microsoft",
    "Outlook.com Postmaster: Troubleshooting",
    "2025-12-03",
    "https://sendersupport.olc.protection.outlook.com/pm/troubleshooting.aspx",
)
APPLE = Source(
    "Apple",
    "Postmaster information for iCloud Mail",
    "2025-02-25",
    "https://support.apple.com/102322",
)
SES = Source(
    "Amazon SES", "Service quotas", "2026-11", "https://docs.aws.amazon.com/ses/latest/dg/quotas.html"
)
W3C = Source(
    "W3C",
    "WCAG 2.2, 1.1.1 (non-text content)",
    "2023-10-05",
    "https://www.w3.org/TR/WCAG22/#non-text-content",
)
W3C_LANGUAGE = Source(
    "W3C",
    "WCAG 2.2, 3.1.1 (language of page)",
    "2023-10-05",
    "https://www.w3.org/TR/WCAG22/#language-of-page",
)
RFC_5322 = _rfc(5322, "Internet message format", "2008-10")
RFC_2047 = _rfc(2047, "Encoded words", "1996-11")
RFC_2046 = _rfc(2046, "MIME media types", "1996-11")
RFC_2369 = _rfc(2369, "List-Unsubscribe", "1998-07")
RFC_3834 = _rfc(3834, "Automatic responses", "2004-08")
RFC_3986 = _rfc(3986, "URI syntax", "2005-01")
RFC_6531 = _rfc(6531, "SMTPUTF8", "2012-02")
RFC_8058 = _rfc(8058, "One-click unsubscribe", "2017-01")
CAN_SPAM = Source(
    "US law",
    "CAN-SPAM Act, 15 U.S.C. 7704(a)(5)",
    "2003-12-16",
    "https://www.law.cornell.edu/uscode/text/15/7704",
)
CASL = Source(
    "Canadian law",
    "CASL, S.C. 2010, c. 23, s. 6(2)",
    "2014-07-01",
    "https://laws-lois.justice.gc.ca/eng/acts/E-1.6/",
)
GMAIL_SEEN = Source("Gmail", "observed; Google does not document it", "2026-11")
OURS = Source("Posthouse", "our judgement", "2026-11-24")
