"""``wabucket`` and ``python -m wabucketref``."""

import gc
import sys


def main() -> int:
    """Run the command line of this process; the exit code."""
    # Imports allocate hundreds of thousands of objects that live until exit: walking them is a fifth of the start-up
    # time. The collector comes back, with those objects frozen, once a command has opened its workspace.
    gc.disable()
    from wabucketref.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
