"""The demo phone: nothing leaves the machine; /demo/phone shows what was sent."""

from __future__ import annotations

from handlers.notices.gateways.port import Outcome, Outgoing, Receipt

NAME = "demo"


class DemoGateway:
    name = NAME

    def send(self, message: Outgoing) -> Receipt:
        return Receipt(Outcome.DELIVERED, gateway_id=f"demo-{message.id[:12]}")
