"""The way out for short messages: one small port, three gateways behind it.

A gateway is one class with one method.  It never raises for what the other side does: it returns a
Receipt, whose outcome comes from a plain table in its module.  What to do next is not its business.
"""

from __future__ import annotations

from handlers.notices.gateways.aliyun import AliyunGateway
from handlers.notices.gateways.demo import DemoGateway
from handlers.notices.gateways.http import HttpGateway
from handlers.notices.gateways.port import Gateway, Outcome, Outgoing, Receipt
from handlers.notices.settings import GatewayName, SmsSettings

__all__ = ["Gateway", "Outcome", "Outgoing", "Receipt", "build"]


def build(settings: SmsSettings) -> tuple[Gateway, ...]:
    """The chosen gateways in order of preference: one or two."""
    chosen = (settings.gateway, settings.fallback)
    return tuple(_make(name, settings) for name in chosen if name is not None)


def _make(name: GatewayName, settings: SmsSettings) -> Gateway:
    if name == "demo":
        return DemoGateway()
    if name == "aliyun":
        assert settings.aliyun is not None, "checked by SmsSettings"
        return AliyunGateway(settings.aliyun, settings)
    http = settings.http if name == "http" else settings.http_second
    assert http is not None, "checked by SmsSettings"
    return HttpGateway(http, settings, name=name)
