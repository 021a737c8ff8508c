"""Sees to it that the log of the served servers shows the steps done: each of the twelve stopped once and then started
once, and the readiness read. In turns the pool may not lose its quorum. Usage: steps_done.py NAME LOG"""

import json
import sys

name, log = sys.argv[1:]
story = {f"fe{n:02}.contoso.com": [] for n in range(1, 13)}
read, lost = 0, 0
with open(log, encoding="utf-8") as lines:
    for line in lines:
        event = json.loads(line)
        if event["event"] in ("stopped", "started"):
            story[event["server"]].append(event["event"])
        read += event["event"] == "read" and event["text"].startswith("Ready")
        lost += event["event"] == "quorum-lost"
wrong = [f"{server}: {' '.join(did) or 'nothing'}" for server, did in story.items() if did != ["stopped", "started"]]
if read < (1 if name == "ansible-at-once" else 12):
    wrong.append(f"the readiness was read {read} times")
if lost and name != "ansible-at-once":
    wrong.append("the pool lost its quorum")
if wrong:
    sys.exit(f"{name}: the steps were not done as they should be\n  " + "\n  ".join(wrong))
