"""How well traffic is encrypted: what the config says, what the certificates are, and what is really spoken."""

from stockade.prevent.crypto.posture.finding import Finding, Weight
from stockade.prevent.crypto.posture.probe import probed
from stockade.prevent.crypto.posture.settings import configured

__all__ = ["Finding", "Weight", "configured", "probed"]
