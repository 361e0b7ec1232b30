// What a tick says of the moment that is shown: as views/moment.py has it, which a test holds this against.

import { countdown, until } from "./wording.js";

const SURE = 0.5; // probability of an anticipated action above which it is taken to have begun

/** The last of `segments` that has begun at a time, else the first. */
function lastBegun(segments, time) {
  let found = segments[0];
  for (const segment of segments) if (segment.start <= time) found = segment;
  return found;
}

/** A tick with its whole past; its record tells what has changed of that of the tick before. */
export function whole(record, before = []) {
  if (!record.past) return null; // nothing had been said yet
  const past = before.slice(0, record.past.length);
  for (const { at, ...segment } of record.past.changed) past[at] = segment;
  return { ...record, past };
}

function segmentAt(tick, time) {
  const ahead = tick.future.length > 0 && time >= tick.observed_until;
  const found = lastBegun(ahead ? tick.future : tick.past, time);
  return ahead && found.confidence < SURE && tick.past.length ? tick.past.at(-1) : found;
}

/** What a tick says of a time: `now`, what is `coming`, and the `candidates` for what is next. */
export function momentOf(tick, time) {
  const current = tick.past.at(-1);
  const goesOn = tick.future.length > 0 && tick.future[0].label === current.label;
  const upcoming = goesOn ? tick.future.slice(1) : tick.future;
  const now = segmentAt(tick, time);
  const place = upcoming.indexOf(now);
  if (place >= 0) return { time, now, coming: upcoming.slice(place + 1), candidates: [], goesOn: 0 };
  return { time, now: current, coming: upcoming, candidates: tick.next, goesOn: tick.goes_on };
}

/** What turned out to be done at a time, and what was said then to come next; `tick` may be null. */
export function inHindsight(final, tick, time) {
  const now = lastBegun(final, time);
  if (!tick) return { time, now, coming: [], candidates: [] };
  const said = momentOf(tick, time);
  if (said.coming.length && said.coming[0].label === now.label) {
    return { ...said, now, coming: said.coming.slice(1), candidates: [] };
  }
  return { ...said, now };
}

/** How likely the current action outlasts the horizon; 0 where there are no candidates. */
export const goesOn = (moment) => (moment?.candidates.length ? moment.goesOn : 0);

/** How long until a candidate starts. */
export function startsIn(candidate, time) {
  return until(candidate.start - time, candidate.earliest - time, candidate.latest - time);
}

/** How long until the first of what is coming starts. */
export function nextIn(moment) {
  const following = moment.coming[0];
  const counted = moment.candidates.find((one) => one.label === following.label);
  return counted ? startsIn(counted, moment.time) : countdown(following.start - moment.time);
}
