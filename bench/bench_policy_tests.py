"""500 policy tests, as `ums test` runs them: read, played on the real engine, compared.

    python bench/bench_policy_tests.py [number of tests, 500 unless given]

The target is 5 s for 500 on two processors. No start of the interpreter is in it.
"""

import sys
import tempfile
import time
from pathlib import Path

from ums.rehearsal import declared, read, run

CONFIG = Path(__file__).parents[1] / "config"
FATES = ("silent", "refused", "{delivered: 3m}", "{delivered: 3m, clicked: 1h}", "{undelivered: 30s}")
HEAD = "apiVersion: ums/v1\nkind: PolicyTest\nchannel: shop\npolicy: read-or-mail\n"
PEOPLE = "people: {ann: [shopapp1, shopsms, shopmail], bob: [shopapp1, shopsms]}\ntests:\n"


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    tests = "".join(
        f"  - name: test {n}\n    happens: {{ann: {{shopapp1: {FATES[n % 5]}, shopsms: {FATES[n // 5 % 5]}}}}}\n"
        "    expect: {bob: {shopapp1: 0s, shopsms: 5m}}\n"
        for n in range(number)
    )
    with tempfile.TemporaryDirectory(prefix="ums-bench-") as folder:
        (Path(folder) / "many.test.yaml").write_text(HEAD + PEOPLE + tests)
        known = declared(CONFIG)
        for processes in (1, 0):
            begun = time.perf_counter()
            played = run(read([Path(folder)], known), known, processes)
            seconds = time.perf_counter() - begun
            assert len(played) == number
            assert all(one.passed for one in played)
            how = "one process" if processes == 1 else "a process for each processor"
            print(f"{number} policy tests, {how}: {seconds:.2f} s, {seconds / number * 1000:.1f} ms each")


if __name__ == "__main__":
    main()
