"""Prints the figures of bench/ansible.sh. Usage: figures.py AUTH DIRECTORY RUNS"""

import json
import statistics
import sys

auth, folder, runs = sys.argv[1:]


def rows(name):
    with open(f"{folder}/{name}.txt", encoding="utf-8") as lines:
        return [[float(x) for x in line.split()] for line in lines]


def show(name, words):
    """Prints a line of the table, and returns it with the wall time of a command beside the best and the median."""
    wall, own, endpoint, messages, commands = zip(*rows(name))
    best, middle = min(wall), statistics.median(wall)
    each = best / commands[wall.index(best)], middle / statistics.median(commands)
    print(
        f"  {words:28} {best:6.2f} s {middle:6.2f} s {statistics.median(commands):9.0f} {each[0] * 1000:8.1f} ms"
        f" {statistics.median(messages):9.0f} {statistics.median(own):6.2f} s {statistics.median(endpoint):6.2f} s"
    )
    return (best, middle), each


def parts():
    """Where the time of lrun's last run went, by its events."""
    with open(f"{folder}/events.json", encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    kinds = {"survey": "looks before turns", "reading": "readings", "end": "stop, start, verify"}
    spent, last = {}, 0.0
    for event in events:
        kind = kinds.get(event["event"], "between")
        spent[kind] = spent.get(kind, 0.0) + event["t"] - last
        last = event["t"]
    spent = {"preflight, plan, marks and good-bye": rows("lrun")[-1][0] - last, **spent}
    return ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in spent.items())


print(f"Readiness, stop, start, verify on twelve servers, {auth} over loopback HTTP; runs of each: {runs}")
print(f"  {'':28} {'best':>8} {'median':>8} {'commands':>9} {'of these':>11} {'messages':>9} {'its CPU':>8} {'endpoint':>8}")
plain = show("ansible", "ansible, in turns")
careful = show("ansible-careful", "ansible, in turns, looking")
at_once = show("ansible-at-once", "ansible, all at once")
lrun = show("lrun", "lrun exec, in turns")
print("  lrun's last run: " + parts())
print("What ansible takes in wall time for what lrun takes, best and median:")
sides = ("in turns", plain), ("in turns, looking", careful), ("all at once", at_once)
for what, of in ("a run", 0), ("a command", 1):
    for words, side in sides:
        best, middle = (a / b for a, b in zip(side[of], lrun[of]))
        print(f"  {what + ', ' + words:28} {best:6.1f} x {middle:6.1f} x")
