"""Whether a closing ends an incident: whoever closed it may not have known of the newest press. Pure."""

from kiosk.bodies import Reply, Route
from kiosk.incident import Incident, Over
from kiosk.sms_signed import PRESSES_MAX


def outlives(incident: Incident, reply: Reply, link: Route) -> bool:
    """Tell whether somebody pressed after whoever closed it had looked: that press is answered by nobody.

    Texts tell of presses late or never: by SMS those before a person's last word count as looked at. Where
    their count is full it says nothing, and ends no press that came long after that word.
    """
    known = max(reply.presses, incident.presses_taken) if link == "sms" else reply.presses
    unknown = reply.presses > 0 and known < incident.presses
    if link == "sms" and not reply.presses and incident.escalating and incident.anew_s is not None:
        unknown = incident.presses > max(incident.known, PRESSES_MAX)  # a full count may stand for fewer
    still_open = incident.kind == "press" and not isinstance(incident.state, Over)
    return reply.stage == "closed" and unknown and still_open
