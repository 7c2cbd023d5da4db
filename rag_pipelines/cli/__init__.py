"""The `rag` command: everything that can be done without a browser.

Commands are modules of this folder; here they are gathered, and a person's mistake becomes one
message and exit status 2.
"""

import sys


def main() -> None:
    """Run the command line."""
    from rag_pipelines.cli.app import app
    from rag_pipelines.errors import RagError, UserError

    try:
        app()
    except UserError as error:
        print(f"rag: {error}", file=sys.stderr)
        sys.exit(2)
    except RagError as error:
        print(f"rag: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
