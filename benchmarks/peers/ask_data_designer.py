"""The job with data-designer, without health check, metrics endpoint and early end.

python ask_data_designer.py prompts.jsonl http://127.0.0.1:PORT/v1 answers.jsonl 64
"""

import sys

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner

PROMPTS, URL, ANSWERS, CONCURRENCY = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

rows = pd.read_json(PROMPTS, lines=True)
model = dd.ModelConfig(
    alias="writer",
    model="m",
    provider="local",
    skip_health_check=True,
    inference_parameters=dd.ChatCompletionInferenceParams(max_parallel_requests=CONCURRENCY),
)
recipe = dd.DataDesignerConfigBuilder(model_configs=[model])
recipe.with_seed_dataset(dd.DataFrameSeedSource(df=rows))
recipe.add_column(dd.LLMTextColumnConfig(name="text", prompt="{{ prompt }}", model_alias="writer"))
designer = DataDesigner(model_providers=[dd.ModelProvider(name="local", endpoint=URL, api_key="x")])
designer.set_run_config(dd.RunConfig(otel_metrics_port=None, disable_early_shutdown=True))
designer.create(recipe, num_records=len(rows)).export(ANSWERS, format="jsonl")
