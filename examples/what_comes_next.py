"""What is being done and what comes next: python examples/what_comes_next.py kitchen.mp4 [CHECKPOINT]."""

import sys

from actfusion_stream import open_stream

source, *checkpoint = sys.argv[1:]
with open_stream(source, checkpoint=checkpoint[0] if checkpoint else None, horizon="20s") as stream:
    for tick in stream:
        upcoming = (f"{next_.label} in {next_.start - tick.seen_until:.0f} s" for next_ in tick.upcoming)
        print(f"{tick.seen_until:6.1f} s  {tick.current.label:32} then {', '.join(upcoming) or 'the same'}")
    for segment in stream.finish():
        print(f"{segment.start:6.1f} to {segment.end:6.1f} s  {segment.label}")
