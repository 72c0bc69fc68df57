"""The floor: one aiohttp session, so many workers, answers to a file as they come.

It does what the job needs and no more: it tries again what fails, after `Retry-After` or at once, without end.

    python ask_bare.py prompts.jsonl http://127.0.0.1:PORT/v1 answers.jsonl 64
"""

import asyncio
import json
import sys

import aiohttp

PROMPTS, URL, ANSWERS, CONCURRENCY = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


async def ask(session, row):
    """Return the answer to one row."""
    body = {"model": "m", "messages": [{"role": "user", "content": row["prompt"]}]}
    while True:
        wait = 0.0
        try:
            async with session.post(f"{URL}/chat/completions", json=body) as response:
                if response.status == 200:
                    return (await response.json())["choices"][0]["message"]["content"]
                wait = float(response.headers.get("Retry-After", 0))
        except (aiohttp.ClientError, ValueError):
            pass
        await asyncio.sleep(wait)


async def main():
    """Ask every row."""
    with open(PROMPTS) as source, open(ANSWERS, "w") as sink:
        rows = map(json.loads, source)

        async def work(session):
            for row in rows:
                sink.write(json.dumps({"id": row["id"], "text": await ask(session, row)}) + "\n")

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:
            await asyncio.gather(*(work(session) for _ in range(CONCURRENCY)))


asyncio.run(main())
