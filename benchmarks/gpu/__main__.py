"""All that is measured on a GPU, in one command: attention, then decoding.

    python benchmarks/gpu [--trial]

Each part has a command of its own with more to choose: `attention.py` and `decode.py`.
"""

import argparse
import sys

import attention
import decode


def main() -> int:
    """Both parts; the second only if nothing of the first was wrong."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/gpu", description="All that is measured on a GPU: attention, then decoding."
    )
    parser.add_argument(
        "--trial", action="store_true", help="tiny sizes in Triton's interpreter; no measurement"
    )
    given = ["--trial"] if parser.parse_args().trial else []
    return attention.main(given) or decode.main(given)


if __name__ == "__main__":
    sys.exit(main())
