"""`rag keys`: who may ask the chat service."""

from typing import Annotated

import typer

from rag_pipelines.chat.keys import Keys
from rag_pipelines.cli.output import Json, console, print_json, remarks
from rag_pipelines.settings import settings

app = typer.Typer(no_args_is_help=True, help="Keys of the chat service: make, list, revoke.")
Name = Annotated[str, typer.Argument(help="The user: letters, digits and . _ @ -")]


@app.command()
def add(name: Name, as_json: Json = False) -> None:
    """Make a key for a user and print it, this once; then every call needs a key."""
    keys = Keys(settings().keys)
    first = not keys.all()
    key = keys.add(name)
    if as_json:
        print_json({"name": name, "key": key})
    else:
        console.print(key, highlight=False, markup=False)
    remarks.print("Keep it: only a hash of it is stored.")
    if first:
        remarks.print("It is the first key: from now on the chat service answers nobody without.")


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """Whose keys there are, and since when."""
    keys = Keys(settings().keys).all()
    if as_json:
        rows = [{"name": key.name, "created_at": key.created_at} for key in keys]
        print_json({"keys": rows})
        return
    for key in keys:
        console.print(f"{key.created_at}  {key.name}", highlight=False, markup=False)
    if not keys:
        console.print("No key: the chat service answers this machine alone, whoever asks.")


@app.command()
def revoke(name: Name, as_json: Json = False) -> None:
    """End a user's key at once, and whatever browser is logged in with it."""
    keys = Keys(settings().keys)
    keys.revoke(name)
    left = len(keys.all())
    if as_json:
        print_json({"name": name, "left": left})
    else:
        console.print(f"The key of {name} is revoked; {left} left.", highlight=False, markup=False)
    if not left:
        remarks.print("There is no key left: the service answers whoever asks on this machine.")
