"""The job with curator, without its limits per minute, which by default keep a local server idle.

python ask_curator.py prompts.jsonl http://127.0.0.1:PORT/v1 answers.jsonl 64
"""

import json
import sys

from bespokelabs import curator

PROMPTS, URL, ANSWERS, CONCURRENCY = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


class Answer(curator.LLM):
    """One answer per row."""

    def prompt(self, row):
        """Return what to ask."""
        return row["prompt"]

    def parse(self, row, response):
        """Return what to keep."""
        return {"id": row["id"], "text": response}


with open(PROMPTS) as source:
    rows = [json.loads(line) for line in source]
answer = Answer(
    model_name="m",
    backend="openai",
    backend_params={
        "base_url": URL,
        "api_key": "x",
        "max_requests_per_minute": 10**7,
        "max_tokens_per_minute": 10**10,
        "max_concurrent_requests": CONCURRENCY,
        "seconds_to_pause_on_rate_limit": 1,
        "require_all_responses": False,
    },
)
answer(rows).dataset.to_json(ANSWERS)
