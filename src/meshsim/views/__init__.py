"""Room views (floor 4): what Docker shows of an object. Pure functions from records to JSON and cells.

Read in this order: ``shapes`` (the Engine API's objects, as Go values of room ``gotext``), ``status``
(counting tasks), ``texts`` (cells), ``rows`` (lines of lists), ``pretty`` (``--pretty`` texts),
``progress`` (what a waiting command shows), ``events`` (``docker events`` out of the log), ``filters``.

>>> from meshsim.model.objects import Endpoint, Service, VirtualIP
>>> from meshsim.model.specs import ServiceSpec
>>> vip = VirtualIP("cf4fx7p2a75irup0pjafylpd4", "10.0.1.2/24")
>>> endpoint = Endpoint(virtual_ips=(vip,))
>>> http = Service("7w8k1esxuyx1gs17hwa4svop5", spec=ServiceSpec("http"), endpoint=endpoint)
>>> shapes.service(http).field("Endpoint").field("VirtualIPs")
[swarm.EndpointVirtualIP(NetworkID='cf4fx7p2a75irup0pjafylpd4', Addr='10.0.1.2/24')]
>>> rows.service_row(http, status.ServiceStatus(1, 1)).field("Replicas")
'1/1'
"""

from __future__ import annotations

from meshsim.views import events, filters, pretty, progress, rows, shapes, status, texts

__all__ = ["events", "filters", "pretty", "progress", "rows", "shapes", "status", "texts"]
