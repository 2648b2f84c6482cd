"""What peers have in common: medians, and one line of JSON for each result."""

import json
import statistics


def report(peer, version, n_threads, kind, tokens_per_s):
    """Prints the median of some runs, and the runs themselves."""
    runs = [round(value, 2) for value in tokens_per_s]
    print(
        json.dumps(
            {
                "peer": peer,
                "version": version,
                "threads": n_threads,
                "measured": kind,
                "tokens_per_s": statistics.median(runs),
                "runs": runs,
            }
        ),
        flush=True,
    )
