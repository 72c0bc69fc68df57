"""Who takes part, and an environment for each.

Their pinned versions exclude each other, so each contestant has a virtual environment of its own, made on first
use from `requirements-NAME.txt` and made anew when that file changes. What a contestant asks is in
`ask_NAME.py`, for Homespun in a recipe; what is switched off for it is here.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: No downloads while the clock runs.
QUIET = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}


@dataclass(frozen=True)
class Contestant:
    """One way to do the job."""

    name: str
    package: str  #: whose version counts
    file: str  #: what its user writes
    environment: dict[str, str] = field(default_factory=dict)  #: on top of QUIET

    def command(self, python: Path, prompts: Path, url: str, answers: Path, concurrency: int) -> list[str]:
        """Return the command line of the whole job."""
        if not self.file.endswith(".yaml"):
            return [str(python), str(HERE / self.file), str(prompts), url, str(answers), str(concurrency)]
        settings = {"models.writer.id": f"{url}#m", "models.writer.concurrency": concurrency}
        settings["sources.prompts.path"] = prompts
        changes = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        program = str(python.with_name("homespun"))
        return [program, "run", str(HERE / self.file), "--out", str(answers), *changes]

    def lines(self) -> int:
        """Return how many lines its user writes: not the blank ones, comments and the opening docstring."""
        text = (HERE / self.file).read_text()
        skipped = (ast.parse(text).body[0].end_lineno or 0) if self.file.endswith(".py") else 0
        return sum(bool(line.strip()) and line.lstrip()[0] != "#" for line in text.splitlines()[skipped:])


CONTESTANTS = {
    each.name: each
    for each in (
        Contestant("bare", "aiohttp", "ask_bare.py"),
        Contestant("homespun", "homespun", "homespun.yaml"),
        Contestant(
            "curator",
            "bespokelabs-curator",
            "ask_curator.py",
            {
                "CURATOR_DISABLE_CACHE": "1",
                "CURATOR_DISABLE_RICH_DISPLAY": "1",
                "TELEMETRY_ENABLED": "false",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            },
        ),
        Contestant(
            "data_designer",
            "data-designer",
            "ask_data_designer.py",
            {"NEMO_TELEMETRY_ENABLED": "false", "DATA_DESIGNER_SKIP_MODEL_HEALTH_CHECKS": "1"},
        ),
        Contestant("distilabel", "distilabel", "ask_distilabel.py"),
    )
}


def prepare(contestant: Contestant, folder: Path) -> Path:
    """Make the environment of a contestant unless it is there; return its interpreter."""
    home = folder / contestant.name
    python, stamp = home / "bin" / "python", home / "made-from.txt"
    wanted = HERE / f"requirements-{contestant.name}.txt"
    if stamp.exists() and stamp.read_text() == wanted.read_text():
        return python
    print(f"making the environment of {contestant.name} in {home}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    install = [str(python), "-m", "pip", "install", "-qq", "--requirement", str(wanted)]
    subprocess.run(install, check=True, cwd=ROOT, stdout=sys.stderr)
    stamp.write_text(wanted.read_text())
    return python


def version(contestant: Contestant, python: Path) -> str:
    """Return the version that is installed."""
    ask = f"from importlib.metadata import version; print(version({contestant.package!r}))"
    return subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True).stdout.strip()


def token_table(folder: Path) -> dict[str, str]:
    """Return where tiktoken finds the table that curator and data-designer would download: LiteLLM brings a copy."""
    found = sorted(folder.glob("curator/lib/python*/site-packages/litellm/litellm_core_utils/tokenizers"))
    return {"TIKTOKEN_CACHE_DIR": str(found[0])} if found else {}
