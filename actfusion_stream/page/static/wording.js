// How labels and times are put before people: as views/wording.py has it, which a test holds this against.

const SURE = 1; // seconds between earliest and latest; below, a range says no more than a number

export const NOT_SURE = "not sure";
export const UNFAMILIAR = "unfamiliar: unlike anything this model was trained on";

/** To a whole number, halves to the even one, as Python does. */
function rounded(number) {
  const up = Math.round(number);
  return number - Math.floor(number) === 0.5 && up % 2 ? up - 1 : up;
}

const whole = (seconds) => Math.ceil(seconds - 1e-6);

/** `cut_tomato` as people write it: `cut tomato`. */
export const spoken = (label) => label.replaceAll("_", " ").trim();

/** A time as players show it: `1:05`, `1:02:03`. */
export function clock(seconds) {
  const all = Math.trunc(Math.max(seconds, 0));
  const two = (number) => String(number).padStart(2, "0");
  const [hour, minute, second] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return hour ? `${hour}:${two(minute)}:${two(second)}` : `${minute}:${two(second)}`;
}

/** How long until something starts: `in 4 s`, `in 1:20`, and `any moment` once it is due. */
export function countdown(seconds) {
  const left = whole(seconds);
  if (left <= 0) return "any moment";
  return left < 60 ? `in ${left} s` : `in ${clock(left)}`;
}

/** How long until something starts of which nobody knows quite when: `in 4–9 s`, `within 9 s`. */
export function until(seconds, earliest, latest) {
  const [first, last] = [whole(earliest), whole(latest)];
  if (first === last || latest - earliest < SURE || last <= 0) return countdown(seconds);
  if (first <= 0) return last < 60 ? `within ${last} s` : `within ${clock(last)}`;
  return last < 60 ? `in ${first}–${last} s` : `in ${clock(first)}–${clock(last)}`;
}

/** A confidence in [0, 1] as `86 %`. */
export const percent = (share) => `${rounded(100 * share)} %`;

/** How long a segment lasts: `12 s`, `1:05`. */
export function lasting({ start, end }) {
  return end - start < 60 ? `${rounded(end - start)} s` : clock(end - start);
}
