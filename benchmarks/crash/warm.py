"""Imported by the fork server before the first process is forked: what takes seconds is in memory then.

boto3 keeps the SES model, whose JSON takes it 0.7 s to read, with its default session.
"""

import boto3

from benchmarks.crash import keeper, naive, worker


__all__ = ["keeper", "naive", "worker"]

boto3.client("sesv2")
