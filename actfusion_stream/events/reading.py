"""A reader of records: it applies what changes, and always has the whole past.

from actfusion_stream.events.reading import Reader

reader = Reader()
for line in open("events.jsonl"):
    reader.read(json.loads(line))
    print(reader.past)
"""

from __future__ import annotations

from actfusion_stream.events.actions import Record


class Reader:
    """What one knows of a stream after each of its records.

    Attributes:
        header: the first record; None before it, and for whoever came later.
        tick: the last tick; None before the first.
        past: all segments that the last tick told of, in order, each with label, start, end and confidence.
        missing: so many segments before them were told before this reader came.
        whole: `past` is what the last tick said. False for whoever came in the middle, until a tick tells
            everything anew; what came before is then kept.
        lost: how many records were left out because this reader, or somebody before it, was slow.
    """

    def __init__(self, header: Record | None = None) -> None:
        self.header = header
        self.tick: Record | None = None
        self.past: list[Record] = []
        self.missing = self.lost = 0
        self.whole = False
        self._number: int | None = None  # of the tick that `past` is of

    def read(self, record: Record) -> None:
        """Take the next record; those of a kind that it does not know change nothing.

        Raises:
            LookupError, TypeError, ValueError: it is no record.
        """
        kind = record["type"]
        if kind == "header":
            vars(self).update(vars(Reader(record)))  # another stream
        elif kind == "lost":
            self.lost += int(record["events"])
        elif kind == "tick":
            self.tick = record
            self._apply(record["past"], int(record["number"]))

    def _apply(self, past: Record, number: int) -> None:
        if self._number != past["since"] or (self._number is None and not past["whole"]):
            if not past["whole"]:
                self.whole = False
                return
            self.past, self.missing = [], int(past["settled"])
        length = int(past["length"]) - self.missing
        del self.past[length:]
        for change in past["changed"]:
            place = int(change["at"]) - self.missing
            if not 0 <= place <= len(self.past):
                if place < 0:  # settled since a tick that this reader does not know
                    continue
                raise ValueError(f"segment {change['at']} of {self.missing + len(self.past)}")
            segment = {key: value for key, value in change.items() if key != "at"}
            self.past[place : place + 1] = [segment]
        if len(self.past) != length:
            raise ValueError(f"{len(self.past)} segments of {length}")
        self.whole, self._number = True, number
