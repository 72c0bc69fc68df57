"""Every prompt of a labelled task, in English and Japanese (methods.md A1-A4).

Prompts are written for this project. The part that all rows share stands first and the row last, so that
a model's prefix is paid for once. Placeholders are filled by `str.format` from known names only; a value
is never parsed as a template. A language without its own prompt is a usage error.
"""

from __future__ import annotations

from collections.abc import Mapping

from homespun.errors import UsageError
from homespun.records import Message
from homespun.task import Task

LANGUAGES = ("en", "ja")

TASK_PROMPT = {
    "en": "{description}\nAnswer with exactly one of: {labels}.\n\n{item}",
    "ja": "{description}\n次のうち1つだけで答えてください: {labels}\n\n{item}",
}


def pick(prompts: Mapping[str, str], language: str) -> str:
    """Return the prompt of a language.

    Raises:
        UsageError: there is none.
    """
    if language not in prompts:
        raise UsageError(f'no prompts for language "{language}"; there are: {", ".join(prompts)}')
    return prompts[language]


def item_text(fields: Mapping[str, str]) -> str:
    """Return the input fields as `Name: value` lines."""
    return "\n".join(f"{name.capitalize()}: {value}" for name, value in fields.items())


def task_messages(task: Task, fields: Mapping[str, str], language: str) -> tuple[Message, ...]:
    """Return the prompt under which the student is trained, scored and used; the answer is the label.

    Training, the probability scorer, evaluation and `predict` all call this one function: a different
    template between them would be measured as a difference between arms.
    """
    text = pick(TASK_PROMPT, language).format(
        description=task.description, labels=", ".join(task.labels), item=item_text(fields)
    )
    return (("user", text),)
