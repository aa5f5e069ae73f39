"""The tables of docs/configuration.md: `python -m penstock.config.reference` prints them."""

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby

from penstock.config.keys import KEYS, Key
from penstock.config.queue_keys import QUEUE_KEYS


def write_reference() -> str:
    """Render every setting with its default, unit, range, variable and flag, as Markdown."""
    sections = (
        "\n".join(_section(group, keys))
        for group, keys in groupby(KEYS.values(), key=lambda key: key.group)
    )
    return "\n\n".join(sections) + "\n"


def _section(group: str, keys: Iterable[Key]) -> Iterator[str]:
    yield f"### {group}\n"
    yield "| key | default | must be | environment | flag | meaning |"
    yield "|---|---|---|---|---|---|"
    for key in keys:
        default = f"`{key.show(key.default)}`" if key.default is not None else key.show(None)
        flag = f"`{key.flag}`" if key.flag else "none"
        form = key.kind.form.replace("|", "\\|")
        yield (f"| `{key.name}` | {default} | {form} | `{key.variable}` | {flag} | {key.meaning} |")


def write_queue_reference() -> str:
    """Render what a `[queue.NAME]` table may say, as Markdown."""
    rows = [f"| `{key.name}` | {key.kind.form} | {key.meaning} |\n" for key in QUEUE_KEYS.values()]
    return "| key | must be | meaning |\n|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(f"{write_reference()}\n{write_queue_reference()}")
