"""The job with distilabel: a batch is as many rows as may be in flight, because it waits for each batch whole.

python ask_distilabel.py prompts.jsonl http://127.0.0.1:PORT/v1 answers.jsonl 64
"""

import json
import sys

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

PROMPTS, URL, ANSWERS, CONCURRENCY = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def main():
    """Run the pipeline."""
    with open(PROMPTS) as source:
        rows = [json.loads(line) for line in source]
    with Pipeline() as pipeline:
        load = LoadDataFromDicts(
            data=[{"id": row["id"], "instruction": row["prompt"]} for row in rows], batch_size=CONCURRENCY
        )
        llm = OpenAILLM(model="m", base_url=URL, api_key="x")
        load >> TextGeneration(llm=llm, input_batch_size=CONCURRENCY)
    answers = pipeline.run(use_cache=False)["default"]["train"]
    answers.select_columns(["id", "generation"]).rename_column("generation", "text").to_json(ANSWERS)


if __name__ == "__main__":  # the steps of a pipeline are processes that import this file
    main()
