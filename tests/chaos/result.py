"""How a long run tells what it came to: a last line of JSON, which the report of proofs is made from."""

import json


def tell(command: str, seed: int, **counts: object) -> None:
    """Print the counts."""
    print(json.dumps({"command": command, "seed": seed, **counts}), flush=True)
