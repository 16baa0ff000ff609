"""``convwise push``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from convwise.cli.output import answers, print_json


def push(
    model: Annotated[Path, Parameter(help="A run folder or a model file.")],
    repo: Annotated[str, Parameter(help="Repository on the Hugging Face Hub: owner/name.")],
    /,
    *,
    public: Annotated[
        bool,
        Parameter(show_default=False, help="Let everybody see a repository that is made now."),
    ] = False,
    replace_card: Annotated[
        bool,
        Parameter(show_default=False, help="Write over the card of a repository that has one."),
    ] = False,
    dry_run: Annotated[
        bool, Parameter(show_default=False, help="Show what would be sent; send nothing.")
    ] = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Send a model and its card to the Hugging Face Hub."""
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.ship.push import push as push_model

    done = push_model(model, repo, public=public, replace_card=replace_card, dry_run=dry_run)
    if json:
        print_json(done.to_dict())
        return 0
    console = answers()
    for name, (size, digest) in done.files.items():
        console.print(f"{name}  {size:,} bytes  sha256 {digest}", soft_wrap=True, highlight=False)
    if done.kept_card:
        console.print("the repository's own card is kept; --replace-card writes over it")
    if dry_run:
        console.print(f"nothing was sent; without --dry-run this goes to {repo}", soft_wrap=True)
    else:
        console.print(f"sent: {done.commit}", soft_wrap=True)
        console.print(f"convwise predict hub://{repo} photo.jpg", soft_wrap=True)
    return 0
