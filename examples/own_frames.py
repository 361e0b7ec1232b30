"""Frames that you have already, here from an OpenCV loop: python examples/own_frames.py VIDEO [CHECKPOINT].

The loop is yours: a robot's camera driver, a simulator, a tracker that runs beside it. One engine serves any
number of such loops, a session each.
"""

import sys

import cv2

from actfusion_stream import Engine

source, *checkpoint = sys.argv[1:]
capture = cv2.VideoCapture(int(source) if source.isdecimal() else source)
engine = Engine.load(checkpoint[0] if checkpoint else None)
session = engine.session(horizon="20s", tick=1.0)

while True:
    taken, image = capture.read()
    if not taken:
        break
    seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # of a camera: time.monotonic()
    tick = session.push(image, seconds, bgr=True)
    if tick is not None:
        print(f"{seconds:6.1f} s  {tick.current.label}  {100 * tick.current.confidence:.0f} %")

capture.release()
print(f"{len(session.finish())} actions in {session.stats.frames} frames")
