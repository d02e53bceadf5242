"""Amazon's region, for every client of ours: the variable that AWS's other SDKs read, and boto3 does not."""

import os
from typing import Any

import boto3
from botocore.exceptions import NoRegionError

from core.errors import ConfigurationError


def client(service: str, **options: Any) -> Any:
    """Return a boto3 client in the region of `AWS_REGION`, else of boto3's own variables and files.

    Raises:
        ConfigurationError: No region is set anywhere.
    """
    make: Any = boto3.client  # its stubs want a literal name
    try:
        return make(service, region_name=os.environ.get("AWS_REGION") or None, **options)
    except NoRegionError as error:
        raise ConfigurationError(
            "no AWS region is set", hint="AWS_REGION=eu-west-1, or the region of a profile in ~/.aws/config."
        ) from error


def region() -> str | None:
    """Return the region that `client` would use; None when none is set anywhere."""
    chosen: str | None = os.environ.get("AWS_REGION") or boto3.Session().region_name
    return chosen
