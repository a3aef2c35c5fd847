"""Incidents nothing waits for: a delivery or a job goes back into its queue, or is put aside.

There is no token and often no request: who did it and why stays with the incident and in the log.
"""

from __future__ import annotations

from sqlalchemy import select, update

from engine.boxes import incident_desk, job_desk
from engine.database import transaction
from engine.models import Incident, Instance, Repair
from engine.owed import outbox
from engine.requests import incidents
from engine.runtime import Actor, Runtime
from engine.verbs.moves import Outcome, reason_of


def retry(rt: Runtime, actor: Actor, incident_id: int) -> Outcome:
    """Back into the queue with all its tries; when they are used up too, the incident reopens."""
    incident = rt.session.get(Incident, incident_id)
    assert incident is not None
    if incident.kind == "job":
        incident_desk.still_open(incident)
        job_desk.retry(rt, actor, int(incident.ref))  # closes the incident
        incident_desk.note(actor, "retried", incident_id, "")
        return Outcome("", "queued", "已重新排队")
    with transaction(rt.session) as session:
        incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
        assert incident is not None
        incident_desk.still_open(incident)
        outbox.again(session, int(incident.ref), rt.clock())
        incidents.close(rt, incident_id, "retried", actor)
    incident_desk.note(actor, "retried", incident_id, "")
    return Outcome("", "queued", "已重新排队")


def put_aside(rt: Runtime, actor: Actor, incident_id: int, reason: str) -> Outcome:
    """Nothing waits for it: the incident is closed, and the reason kept."""
    reason = reason_of(reason, "关闭")
    here = select(Incident.instance_id).where(Incident.id == incident_id).scalar_subquery()
    request = select(Instance.id).where(Instance.id == here).with_for_update(of=Instance)
    with transaction(rt.session) as session:
        session.execute(request)  # first, as every verb does: else two could wait for each other
        incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
        assert incident is not None
        incident_desk.still_open(incident)
        now = rt.clock()
        session.add(
            Repair(
                incident_id=incident_id,
                kind="skip",
                data={},
                reason=reason,
                proposed_by=actor.id,
                proposed_by_name=actor.name,
                proposed_at=now,
                confirmed_at=now,
            )
        )
        session.flush()
        incidents.close(rt, incident_id, "skipped", actor)
        if incident.kind in incidents.TOKENS and incident.instance_id is not None:
            fewer = update(Instance).where(Instance.id == incident.instance_id)
            session.execute(fewer.values(incidents=Instance.incidents - 1))
    incident_desk.note(actor, "put aside", incident_id, reason)
    return Outcome("", "skipped", "已关闭")
