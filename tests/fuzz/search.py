"""What the fuzzers of graphs and of models share: the command line, the walk over seeds, and smaller descriptions."""

import argparse
import json
import time
import traceback


def parse(doc, arguments, count=20000):
    """The options of a fuzzer that draws descriptions from seeds."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this time; 0 for none")
    parser.add_argument("--most", type=int, default=5, help="stop after so many differences")
    parser.add_argument("--replay", help="a description, as printed")
    return parser.parse_args(arguments)


def replay(given, check):
    """Check the description that was given; returns the number of differences."""
    found = check(json.loads(given.replay), [0, 0, 0])
    print(found or "no difference")
    return int(bool(found))


def walk(given, draw, check, report):
    """Draw and check one description per seed; returns how many, how many differ, and the seconds.

    Parameters
    ----------
    draw : function of a seed
    check : function of a description
        None, or what differs.
    report : function of a description and what differs
    """
    wrong, begin, done = 0, time.monotonic(), 0
    for seed in range(given.seed, given.seed + given.count):
        if given.seconds and time.monotonic() - begin > given.seconds:
            break
        spec = draw(seed)
        try:
            found = check(spec)
        except Exception:  # what the making of it raises is a finding as well
            found = traceback.format_exc(limit=-4)
        done += 1
        if found:
            wrong += 1
            report(spec, found)
            if wrong >= given.most:
                break
    return done, wrong, time.monotonic() - begin


def _kind(found):
    return None if found is None else found.split(":")[0].rstrip("0123456789 ")[:30]


def shrink(spec, simpler, check, seconds=20.0):
    """The smallest description found that still differs in the same way.

    Parameters
    ----------
    simpler : function of a description
        Descriptions that say less, the boldest first.
    check : function of a description
    """
    end, smaller, kind = time.monotonic() + seconds, True, _kind(check(spec))
    while smaller and time.monotonic() < end:
        smaller = False
        for candidate in simpler(spec):
            if time.monotonic() > end:
                break
            try:
                wrong = check(candidate)
            except Exception:
                continue
            if _kind(wrong) == kind:
                spec, smaller = candidate, True
                break
    return spec
