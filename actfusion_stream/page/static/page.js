// The page: keeps what the server says, and puts it up. Nothing that comes from outside is ever taken as HTML.

import { listen, watch } from "./feed.js";
import { listing, named, onlyIfNew, rows, text } from "./elements.js";
import { goesOn, inHindsight, momentOf, nextIn, startsIn, whole } from "./moment.js";
import { drawOverview, drawStrip, inSight } from "./strip.js";
import { NOT_SURE, UNFAMILIAR, clock, countdown, lasting, percent, spoken } from "./wording.js";

const CANDIDATES = 3;
const LONG = 32; // characters of a name that is shown a size smaller
const COURSE = 6;
const HARDLY = 0.005; // likelier than what is said as 0 %
const RECENT = 12; // segments in the list of a stream that goes on

const $ = (id) => document.getElementById(id);

const state = {
  header: null, // of the stream, and with what is drawn
  page: null,
  tick: null, // the newest, its `past` whole
  status: null,
  result: null, // of a finished file: segments, and `last`, seconds of its last frame
  at: null, // seconds that the slider is at
  said: null, // the tick of that time
  lost: "",
};

const receive = {
  header(record) {
    if (state.header && state.header.program.version !== record.program.version) location.reload();
    Object.assign(state, { header: record, tick: null, result: null, at: null, said: null });
  },
  page(record) {
    state.page = { ...state.header, ...record };
    begin(state.page);
  },
  tick(record) {
    state.tick = whole(record, state.tick?.past);
  },
  action_started({ label }) {
    text($("spoken"), spoken(label)); // read out, once it is steady, and not at every tick
  },
  status(record) {
    state.status = record;
  },
  summary(record) {
    state.result = record;
    finish(record);
  },
};

listen(
  (record) => {
    state.lost = "";
    receive[record.type]?.(record);
    draw();
  },
  (why) => {
    state.lost = why;
    draw();
  },
);

watch(async (blob, time) => {
  if (state.result === null) await show(blob, time);
});

/** Put a picture up. */
async function show(blob, time) {
  const bitmap = await createImageBitmap(blob);
  const canvas = $("canvas");
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
  canvas.dataset.time = time;
  $("no-picture").hidden = true;
}

/** A stream begins. */
function begin({ source, size: [width, height], pixel_shape: shape, window: { past, future } }) {
  text($("source"), source);
  document.title = `${source} · actfusion-stream`;
  $("canvas").setAttribute("aria-label", `The picture of ${source}`);
  $("picture").style.aspectRatio = `${width * shape} / ${height}`;
  text($("before"), `-${Math.round(past)} s`);
  text($("after"), `+${Math.round(future)} s`);
  $("result").hidden = true;
}

/** A file has been read: it can be looked through. */
function finish({ last }) {
  const slider = $("slider");
  slider.min = state.page.begins;
  slider.max = last;
  slider.value = last;
  $("result").hidden = false;
  lookAt(last);
}

let asking = false;

/** Show what was said at a time, and what was to be seen; of many wishes the last counts. */
async function lookAt(time) {
  state.at = time;
  $("slider").value = time;
  draw();
  if (asking) return;
  asking = true;
  try {
    for (let asked; asked !== state.at; ) {
      asked = state.at;
      const [said, picture] = await Promise.all([fetch(`said?at=${asked}`), fetch(`picture.jpg?at=${asked}`)]);
      if (said.ok) state.said = whole(await said.json());
      if (picture.ok) await show(await picture.blob(), asked);
      draw();
    }
  } catch {
    // the connection has gone, which is said elsewhere
  } finally {
    asking = false;
  }
}

$("slider").addEventListener("input", ({ target }) => lookAt(Number(target.value)));
new ResizeObserver(() => draw()).observe($("strip"));

let drawing = false;

/** Put up what is new, once for all that came since the last picture of the screen. */
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawConnection();
    drawClock();
    const time = state.at ?? state.status?.time ?? 0;
    const tick = state.result ? state.said : state.tick;
    const moment = state.result ? inHindsight(state.result.segments, tick, time) : tick && momentOf(tick, time);
    drawNow(moment, tick);
    drawCandidates(moment, tick);
    drawCourse(moment);
    drawTimeline(time, tick);
    drawDone();
    drawHealth();
    Object.assign(document.body.dataset, { time, seen: tick?.seen_until ?? "" }); // what is shown, for tests
  });
}

function drawConnection() {
  document.body.classList.toggle("lost", state.lost !== "");
  const element = $("connection");
  element.classList.toggle("lost", state.lost !== "");
  let said = state.lost;
  if (!said && state.status?.state === "starting") said = "Starting: the model is being loaded.";
  if (!said && state.status?.state === "ended") said = "The stream has ended.";
  if (!said && state.result) said = "Finished: move the slider to look through it.";
  text(element, said);
}

function drawClock() {
  const { page, status } = state;
  const progress = $("progress");
  const whole = page && !page.live && page.duration;
  progress.hidden = !whole || state.result !== null;
  if (!page || !status) return;
  const element = $("clock");
  element.replaceChildren();
  if (state.result) {
    element.append(`${clock(state.result.last)} watched`);
  } else if (whole) {
    const done = (status.time - page.begins) / Math.max(page.duration - page.begins, 1e-6);
    progress.firstElementChild.style.width = percent(Math.min(done, 1)).replace(" ", "");
    element.append(`${clock(status.time)} / ${clock(page.duration)}`);
  } else {
    if (page.live && status.state === "running" && !state.lost) {
      const live = document.createElement("span");
      live.className = "live";
      live.textContent = "live ";
      element.append(live);
    }
    element.append(`${clock(status.time)} so far`);
  }
}

const color = (label) => state.page?.colors[label] ?? "#80848c";

function drawNow(moment, tick) {
  const doubtful = Boolean(tick?.unfamiliar);
  document.body.classList.toggle("doubtful", doubtful);
  text($("now-title"), state.result ? `At ${clock(state.at)}` : "Now");
  const starting = !state.status || state.status.state === "starting";
  const sure = moment && moment.now.confidence >= state.page.min_confidence;
  const label = moment ? (sure ? spoken(moment.now.label) : NOT_SURE) : starting ? "starting" : "warming up";
  text($("label").firstElementChild, label);
  $("label").classList.toggle("long", label.length > LONG);
  $("label").style.setProperty("--c", sure ? color(moment.now.label) : "var(--line)");
  text($("since"), moment ? since(moment, tick) : "");
  $("unfamiliar").hidden = !doubtful;
  text($("unfamiliar"), doubtful ? UNFAMILIAR : "");
  $("slider").setAttribute("aria-valuetext", moment ? `${clock(moment.time)}, ${label}` : "");
}

function since({ now, time }, tick) {
  if (state.result) {
    const told = `${percent(now.confidence)} sure, from ${clock(now.start)} to ${clock(now.end)}`;
    const then = tick?.past ? momentOf(tick, time).now : null;
    return then && then.label !== now.label ? `${told}; said then: ${spoken(then.label)}` : told;
  }
  if (now.confidence < state.page.min_confidence) return "";
  const told = `${percent(now.confidence)} sure, for ${clock(time - now.start)}, since ${clock(now.start)}`;
  const foreseen = (tick.seen_until - tick.observed_until).toFixed(1); // the look-ahead of the features
  return foreseen === "0.0" ? told : `${told}, ${foreseen} s foreseen`;
}

function drawCandidates(moment) {
  const entries = (moment?.candidates ?? []).map((one) => ({
    share: one.probability, label: one.label, when: startsIn(one, moment.time),
  }));
  if (goesOn(moment) > HARDLY) {
    entries.push({ share: goesOn(moment), label: moment.now.label, when: "goes on" });
  }
  if (!entries.length && moment?.coming.length) {
    entries.push({ share: moment.coming[0].confidence, label: moment.coming[0].label, when: nextIn(moment) });
  }
  entries.sort((one, other) => other.share - one.share);
  const shown = entries.slice(0, CANDIDATES);
  listing($("candidates"), shown.map(({ share, label, when }) => ({
    name: spoken(label), when, share: percent(share), width: `${100 * share}%`, color: color(label),
  })), moment ? "no change in sight" : "nothing to say yet");
}

function drawCourse(moment) {
  const coming = (moment?.coming ?? []).filter((segment) => Math.round(segment.end - segment.start)).slice(0, COURSE);
  onlyIfNew($("coming"), coming.map((segment) => [segment.label, countdown(segment.start - moment.time), lasting(segment), percent(segment.confidence)]), (cells) => rows(cells, color, "swatch coming"));
  $("no-change").hidden = !moment || coming.length > 0;
}

function drawTimeline(time, tick) {
  if (!state.page) return;
  const past = state.result?.segments ?? state.tick?.past ?? [];
  const seen = { past, tick: tick?.future ? tick : null, time, window: state.page.window, colors: state.page.colors };
  drawStrip($("strip"), seen);
  text($("marked"), state.result ? clock(time) : "now");
  onlyIfNew($("legend"), inSight(seen), (labels) =>
    labels.map((label) => named(document.createElement("li"), color(label), "swatch", spoken(label))));
  if (state.result) {
    drawOverview($("overview"), {
      segments: state.result.segments, begins: state.page.begins, ends: state.result.last, time, colors: state.page.colors,
    });
  }
}

function drawDone() {
  const done = state.result ? state.result.segments : (state.tick?.past ?? []).slice(0, -1).reverse();
  const lasted = done.filter((segment) => Math.round(segment.end - segment.start));
  const told = state.result ? lasted : lasted.slice(0, RECENT);
  text($("history-title"), state.result ? "All that was done" : "Done");
  const table = told.map((segment) => [segment.label, clock(segment.start), lasting(segment), percent(segment.confidence), state.result ? segment.start : null]);
  onlyIfNew($("done"), table, (cells) => rows(cells, color, "swatch", lookAt));
  const before = lasted.length - told.length;
  text($("more-done"), before ? `and ${before} before` : told.length ? "" : "nothing yet");
}

function drawHealth() {
  const { status, page } = state;
  if (!page || !status?.drops) return; // none are counted before the stream begins
  const dropped = Object.entries(status.drops).map(([cause, count]) => `${count} ${cause}`).join(", ");
  const told = [
    ["pictures", status.rate ? `${status.rate.toFixed(1)} a second` : `${status.frames} in all`],
    ["speed", `${status.speed.toFixed(1)}x real time`],
    ["delay", `${status.delay_ms.p50} ms, p95 ${status.delay_ms.p95} ms`],
    ["left out", dropped || "nothing"],
    ["gaps", String(status.gaps)],
    ["unfamiliar", percent(status.unfamiliar)],
    ["viewers", String(status.viewers)],
  ];
  onlyIfNew($("health"), told, (entries) => entries.map(([name, value]) => {
    const [entry, term, about] = ["div", "dt", "dd"].map((kind) => document.createElement(kind));
    term.textContent = name;
    about.textContent = value;
    entry.append(term, about);
    return entry;
  }));
}
