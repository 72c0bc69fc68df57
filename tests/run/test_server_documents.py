"""Documents rewritten by a server that misbehaves: every form complete, killed and resumed, nothing asked twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faultserver import Plan, serve
from homespun.data.store import file_hash

RECIPE = """
name: served
models:
  writer: {{id: "http://127.0.0.1:{port}/v1#fault-1", concurrency: 4}}
sources:
  documents: {{kind: documents, path: documents.jsonl}}
generate:
  paraphrase: {{kind: paraphrase, variants: 4}}
  facts: {{kind: facts, variants: 3}}
  graph: {{kind: graph, variants: 6}}
  spa: {{kind: spa, variants: 7}}
"""
WANTED = 4 + 3 + 6 + 7
SAID = {
    "Preligan": ["Preligan lifts 75 litres an hour", "Preligan costs $340", "Preligan has a guarantee of 18 months"],
    "Junarix": ["Junarix weighs 776 g", "Junarix was launched in November 2017", "Junarix needs 215 W"],
    "Crenosall": ["Crenosall takes 252 seconds", "Crenosall was written by Ines Corvo", "Crenosall ends at 625 kPa"],
}


def reply(request, mark):
    """Write what is asked for, another text for every request, and true to the document."""
    asked = request["messages"][-1]["content"]
    name = next(name for name in SAID if name in asked)
    word = "".join(chr(ord("g") + int(digit, 16)) for digit in mark[:12])
    retold = f"So much is known of {name} by {word}: " + "; besides, ".join(reversed(SAID[name]))
    if "summary" in asked:
        entities = [name, *(clause.split()[-1] for clause in SAID[name])]
        return json.dumps({"summary": f"About {name}.", "entities": [e for e in entities if not e[0].isdigit()]})
    if "response_format" in request:
        return json.dumps(
            [{"subject": name, "attribute": "a", "value": c.partition(" ")[2], "sentence": f"{c}."} for c in SAID[name]]
        )
    if "titled sections" in asked:
        return "\n\n".join(f"## ({n}) On {name}\n{retold}, {'and so on ' * n}" for n in (1, 2, 3))
    return retold


def command(folder):
    return [sys.executable, "-m", "homespun.cli", "run", str(folder / "served.yaml"), "--out", str(folder / "run")]


def written(folder: Path, server, **changes: str) -> list[str]:
    text = RECIPE.format(port=server.port)
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "served.yaml").write_text(text)
    records = [{"id": name, "title": name, "text": ". ".join(said) + "."} for name, said in SAID.items()]
    (folder / "documents.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return command(folder)


def pools(folder: Path) -> dict[str, str]:
    return {path.name: file_hash(path) for path in sorted((folder / "run/pool").glob("*.parquet"))}


def test_every_form_is_complete_and_more_variants_cost_only_themselves(tmp_path):
    plan = Plan(reply=reply, limited=0.05, retry_after="0.05", broken=0.05, cut=0.03, malformed=0.03)
    with serve(plan) as server:
        run = written(tmp_path, server)
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        funnel = json.loads((tmp_path / "run/results.json").read_text())["funnel"]
        assert all(entry["kept"] == entry["wanted"] for entry in funnel["generators"].values()), funnel
        assert funnel["failed"] == 0 and funnel["kept"] == len(SAID) * WANTED
        requests = server.seen.requests
        again = subprocess.run(run, capture_output=True, text=True, check=False)
        assert "nothing to do" in again.stdout and server.seen.requests == requests

        server.seen.billed.clear()
        more = written(tmp_path, server, **{"kind: paraphrase, variants: 4": "kind: paraphrase, variants: 6"})
        subprocess.run(more, check=True, capture_output=True)
        assert len(server.seen.billed) == len(SAID) * 2, "only what is new is asked for"


@pytest.mark.slow
def test_kills_change_nothing_and_cost_only_what_was_in_flight(tmp_path):
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    clean.mkdir()
    killed.mkdir()
    with serve(Plan(reply=reply, latency=0.05)) as server:
        subprocess.run(written(clean, server), check=True, capture_output=True)
        bill = sum(server.seen.billed.values())
        server.seen.billed.clear()
        run, kills = written(killed, server), 0
        for more in (2, 5, 9, 13, 4, 7):
            before = server.seen.requests
            process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and server.seen.requests < before + more:
                time.sleep(0.01)
            if process.poll() is None:
                process.kill()
                kills += 1
            process.wait()
        subprocess.run(run, check=True, capture_output=True)
        assert kills >= 3 and pools(killed) == pools(clean)
        assert sum(server.seen.billed.values()) - bill <= kills * 2 * 4  # 4 in flight, 4 being committed
