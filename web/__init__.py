"""The HTTP door: one-click unsubscribe, SNS webhook, health. It knows no Prefect and stays up without it."""
