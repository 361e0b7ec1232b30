// The timeline: the past in solid colours, the future as shares of the futures that were drawn, hatched.

const NAMESPACE = "http://www.w3.org/2000/svg";
const GREY = "#80848c";

function element(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function rectangle(x, y, width, height, more) {
  return element("rect", { x, y, width: Math.max(width, 0), height: Math.max(height, 0), ...more });
}

function hatch() {
  const definitions = element("defs", {});
  const pattern = element("pattern", {
    id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
  });
  pattern.append(element("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "hatch" }));
  definitions.append(pattern);
  return definitions;
}

/** Draw what lies around a time.
 *
 * `past` are segments; `tick` is what was said of the future, or null; `window` are the seconds in sight.
 */
export function drawStrip(svg, { past, tick, time, window, colors }) {
  const [width, height] = [svg.clientWidth, svg.clientHeight];
  const scale = width / (window.past + window.future);
  const x = (seconds) => (window.past + seconds - time) * scale;
  const color = (label) => colors[label] ?? GREY;
  const drawn = [hatch()];
  const now = x(time);
  for (const { label, start, end } of past) {
    if (end < time - window.past || start > time) continue;
    drawn.push(rectangle(x(start), 0, x(Math.min(end, time)) - x(start), height, { fill: color(label) }));
  }
  if (tick) {
    const begins = Math.min(Math.max(x(tick.observed_until), 0), width);
    if (tick.futures?.seconds.length) {
      tick.futures.seconds.forEach((shares, second) => {
        const left = Math.max(x(tick.observed_until + second), 0);
        const right = Math.min(x(tick.observed_until + second + 1), width);
        if (right <= left) return;
        let top = 0;
        for (const [label, share] of Object.entries(shares)) {
          // A little wider, so that no seam shows where two seconds touch.
          drawn.push(rectangle(left, top, right - left + 0.6, share * height, { fill: color(label) }));
          top += share * height;
        }
      });
    } else {
      for (const { label, start, end } of tick.future) {
        const [left, right] = [Math.max(x(start), 0), Math.min(x(end), width)];
        drawn.push(rectangle(left, 0, right - left, height, { fill: color(label) }));
      }
    }
    const ends = Math.min(x(tick.future.at(-1)?.end ?? tick.observed_until), width);
    drawn.push(rectangle(begins, 0, ends - begins, height, { fill: "url(#hatch)" }));
  }
  drawn.push(rectangle(now - 1, 0, 2, height, { class: "marker" }));
  svg.replaceChildren(...drawn);
}

/** Draw a whole result, with a mark at a time. */
export function drawOverview(svg, { segments, begins, ends, time, colors }) {
  const [width, height] = [svg.clientWidth, svg.clientHeight];
  const x = (seconds) => ((seconds - begins) / Math.max(ends - begins, 1e-3)) * width;
  svg.replaceChildren(
    ...segments.map(({ label, start, end }) =>
      rectangle(x(start), 0, x(end) - x(start), height, { fill: colors[label] ?? GREY })),
    rectangle(Math.min(Math.max(x(time) - 1, 0), width - 2), 0, 2, height, { class: "marker" }),
  );
}

/** The labels in sight, in the order of time. */
export function inSight({ past, tick, time, window }) {
  const seen = past.filter(({ start, end }) => end >= time - window.past && start <= time);
  const ahead = (tick?.future ?? []).filter(({ start, end }) => end > time && start < time + window.future);
  return [...new Set([...seen, ...ahead].map(({ label }) => label))];
}
