"""Mailbox providers: who keeps the mailboxes of a domain, so that each receiver's opinion of us is counted apart.

A provider judges a sender by all of its domains together: hotmail.com and outlook.de are one receiver, and so are the thousands
of companies that Google or Microsoft host. Only MX records tell the latter; a table of well-known domains stands in for the DNS
where nobody has asked it yet.

Terms:
    provider: a stable key, such as `gmail` or `microsoft_365`. Consumers and companies of one house have a key each, because
        the rules differ: Google's for bulk senders hold for consumers only.
    exchanger: a host that takes mail for a domain, from its MX records.
    edge: what several keys share on the receiver's side: Google answers for both of its own from the same addresses.
    filter: a security gateway before somebody else's mailboxes. It judges us in their place, and follows links by itself.

Invariants:
    The most preferred exchanger decides; then the domain; what neither names is `other`.
    A suffix fits whole labels only: `notgoogle.com` is not Google.

Standards:
    RFC 5321 section 5.1 (MX records). The groups are those that KumoMTA's published traffic shaping rolls up, and what the
    providers say of themselves ("thousands of domains we host", Yahoo Sender Hub). Gathered in November 2026.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final


OTHER: Final = "other"

# The end of an exchanger's name, in whole labels. Of two that fit, the longer decides.
EXCHANGERS: Final[Mapping[str, tuple[str, ...]]] = {
    "gmail": ("gmail-smtp-in.l.google.com",),
    "google_workspace": ("aspmx.l.google.com", "smtp.google.com", "googlemail.com", "psmtp.com"),
    "microsoft_consumer": ("olc.protection.outlook.com",),
    "microsoft_365": ("mail.protection.outlook.com", "mx.microsoft", "onmicrosoft.com"),
    "yahoo": ("yahoodns.net",),
    "yahoo_japan": ("mail.yahoo.co.jp",),
    "apple": ("mail.icloud.com", "icloud.com"),
    "united_internet": (
        "gmx.net", "web.de", "gmx.com", "mail.com", "kundenserver.de",
        "ionos.com", "ionos.de", "ionos.es", "ionos.fr", "ionos.it", "ionos.co.uk",
        "1and1.com", "1and1.es", "1and1.fr", "1and1.it", "1and1.co.uk",
    ),
    "proton": ("protonmail.ch",),
    "zoho": ("zoho.com", "zoho.eu", "zohomail.com"),
    "fastmail": ("messagingengine.com",),
    "yandex": ("mx.yandex.ru", "yandex.net"),
    "mail_ru": ("mail.ru",),
    "tencent": ("qq.com",),
    "netease": ("netease.com",),
    "orange": ("orange.fr",),
    "laposte": ("laposte.net",),
    "free": ("free.fr",),
    "sfr": ("sfr.fr",),
    "t_online": ("t-online.de",),
    "libero": ("libero.it",),
    "comcast": ("comcast.net",),
    "charter": ("charter.net",),
    "mimecast": ("mimecast.com", "mimecast.co.za", "mimecast-offshore.com"),
    "proofpoint": ("pphosted.com", "ppe-hosted.com"),
    "barracuda": ("barracudanetworks.com",),
    "cisco": ("iphmx.com",),
    "messagelabs": ("messagelabs.com",),
    "trend_micro": ("trendmicro.com", "trendmicro.eu"),
    "sophos": ("hydra.sophos.com",),
    "forcepoint": ("mailcontrol.com",),
    "hornet": ("hornetsecurity.com",),
    "vade": ("vadesecure.com",),
    "rackspace": ("emailsrvr.com",),
    "godaddy": ("secureserver.net",),
    "ovh": ("ovh.net",),
    "gandi": ("gandi.net",),
    "namecheap": ("privateemail.com",),
    "hostinger": ("hostinger.com",),
    "one_com": ("one.com",),
    "migadu": ("migadu.com",),
    "titan": ("titan.email",),
}  # fmt: skip

FILTERS: Final = frozenset(
    {
        "mimecast", "proofpoint", "barracuda", "cisco", "messagelabs", "trend_micro", "sophos", "forcepoint",
        "hornet", "vade",
    }
)  # fmt: skip

EDGES: Final[Mapping[str, str]] = {"gmail": "google", "google_workspace": "google"}

_HOTMAIL: Final = "com co.uk fr de it es be nl se no dk fi ca gr ch at pt cz hu my ph sg com.ar com.br com.au com.tr co.jp co.il co.th co.kr"
_LIVE: Final = "com co.uk fr de it nl be se no dk ca at ie ru cn jp in com.au com.mx com.pt"
_OUTLOOK: Final = "com fr de es it pt dk cz hu ie sk at be in jp kr lv my ph sa sg co.id co.il co.th com.ar com.au com.br com.gr com.tr com.vn"
_YAHOO: Final = (
    "com ca co.id co.in co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.co com.hk com.mx com.my com.ph com.sg com.tr "
    "com.tw com.vn cz de dk es fi fr gr hu ie in it nl no pl pt ro se"
)
_AOL: Final = "com co.uk de fr it es ca com.au com.br com.mx se nl jp"
_GMX: Final = "net de at ch com fr es it co.uk eu org us info biz li"
_YANDEX: Final = "ru com by kz ua com.tr"


def _under(name: str, endings: str) -> tuple[str, ...]:
    return tuple(f"{name}.{ending}" for ending in endings.split())


# Well-known domains, for when the DNS has not been asked. Whose exchangers are in the table above is told by those.
DOMAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft_consumer": (
        *_under("outlook", _OUTLOOK), *_under("hotmail", _HOTMAIL), *_under("live", _LIVE),
        "msn.com", "windowslive.com", "passport.com",
    ),
    "yahoo": (
        *_under("yahoo", _YAHOO), *_under("aol", _AOL),
        "ymail.com", "rocketmail.com", "myyahoo.com", "aim.com", "verizon.net", "netscape.net", "cs.com", "compuserve.com",
        "rogers.com", "frontier.com", "sky.com", "att.net", "sbcglobal.net", "bellsouth.net", "pacbell.net", "swbell.net",
        "prodigy.com", "cox.net",
    ),
    "yahoo_japan": ("yahoo.co.jp",),
    "apple": ("icloud.com", "me.com", "mac.com", "privaterelay.appleid.com"),
    "united_internet": (*_under("gmx", _GMX), "web.de", "mail.com"),
    "proton": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    "zoho": ("zoho.com", "zohomail.com"),
    "fastmail": ("fastmail.com", "fastmail.fm"),
    "yandex": _under("yandex", _YANDEX),
    "mail_ru": ("mail.ru", "bk.ru", "inbox.ru", "list.ru"),
    "tencent": ("qq.com",),
    "netease": ("163.com", "126.com", "yeah.net"),
    "orange": ("orange.fr", "wanadoo.fr"),
    "laposte": ("laposte.net",),
    "free": ("free.fr",),
    "sfr": ("sfr.fr", "neuf.fr"),
    "t_online": ("t-online.de",),
    "libero": ("libero.it", "virgilio.it"),
    "tim": ("tim.it",),
    "kpn": ("kpnmail.nl",),
    "ziggo": ("ziggo.nl",),
    "telenet": ("telenet.be",),
    "bt": ("btinternet.com",),
    "wp_pl": ("wp.pl", "o2.pl"),
    "interia": ("interia.pl",),
    "onet": ("onet.pl",),
    "seznam": ("seznam.cz",),
    "comcast": ("comcast.net",),
    "charter": ("charter.net", "spectrum.net"),
}  # fmt: skip

_BY_EXCHANGER: Final = {suffix: provider for provider, suffixes in EXCHANGERS.items() for suffix in suffixes}
_BY_DOMAIN: Final = {domain: provider for provider, domains in DOMAINS.items() for domain in domains}


def provider_of(domain: str, exchangers: Sequence[str] = ()) -> str:
    """Return the key of the provider that keeps a domain's mailboxes.

    Args:
        domain: The part of an address behind the @, in A-labels.
        exchangers: The hosts of its MX records, most preferred first; none where the DNS has not been asked.
    """
    if exchangers and (provider := _of_exchanger(_plain(exchangers[0]))):
        return provider
    return _BY_DOMAIN.get(_plain(domain), OTHER)


def is_well_known(domain: str) -> bool:
    """Whether the table names the domain, so that the DNS need not be asked."""
    return _plain(domain) in _BY_DOMAIN


def known() -> tuple[str, ...]:
    """Return the keys of all providers, `OTHER` among them."""
    return tuple(sorted({*EXCHANGERS, *DOMAINS, OTHER}))


def edge_of(provider: str) -> str:
    """Return what a provider shares with others on its side: a second limit stands there, over the sum of them."""
    return EDGES.get(provider, provider)


def is_filter(provider: str) -> bool:
    """Whether a provider is a security gateway, whose clicks are nobody's."""
    return provider in FILTERS


def _of_exchanger(host: str) -> str | None:
    return next((_BY_EXCHANGER[end] for end in _ends(host) if end in _BY_EXCHANGER), None)


def _ends(host: str) -> Iterator[str]:
    """Yield the host and what is left of it without its first label, its first two, and so on."""
    labels = host.split(".")
    for first in range(len(labels)):
        yield ".".join(labels[first:])


def _plain(name: str) -> str:
    return name.strip().rstrip(".").lower()
