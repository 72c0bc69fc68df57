"""What to do: the recommendation of a run, in its own sentences; its headline is that of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homespun.report.page import Section
from homespun.run.readback import RunData

TEMPLATE = """\
<ul class="said advice">
{% for sentence in sentences %}
<li>{{ sentence | tied }}</li>
{% endfor %}
</ul>
<p class="small muted">A difference counts here only where it is larger than the 95 % intervals allow; the level is \
divided by the number of comparisons. “Within the intervals” means that this run cannot tell, not that there is no \
difference.</p>
"""


def view(run: RunData) -> Mapping[str, Any] | None:
    """Return the recommendation, where there is one."""
    advice = run.results.get("recommendation")
    return {"headline": advice["headline"], "sentences": advice["sentences"]} if advice else None


RECOMMENDATION = Section("What to do", TEMPLATE, view, "curves.css")
