// Small parts of the page. Text is set as text, and only where it has changed: readers of screens follow changes.

import { spoken } from "./wording.js";

/** Set the text of an element. */
export function text(element, said) {
  if (element.textContent !== said) element.textContent = said;
}

const shown = new WeakMap();

/** Fill an element with what `make` makes of `said`, unless that is there already. */
export function onlyIfNew(element, said, make) {
  const key = JSON.stringify(said);
  if (shown.get(element) === key) return;
  shown.set(element, key);
  element.replaceChildren(...make(said));
}

/** What stands before a class: its colour. */
export function swatch(color, kind = "swatch") {
  const made = document.createElement("span");
  made.className = kind;
  made.style.setProperty("--c", color);
  return made;
}

/** A class with its colour before it; a name that breaks stays beside the colour. */
export function named(element, color, kind, name) {
  element.classList.add("named");
  const beside = document.createElement("span");
  beside.append(name);
  element.replaceChildren(swatch(color, kind), beside);
  return element;
}

/** Rows of a table of segments: label, three cells, and where a click leads. */
export function rows(cells, color, kind, onClick = null) {
  return cells.map(([label, ...rest]) => {
    const row = document.createElement("tr");
    const at = rest.length > 3 ? rest.pop() : null;
    let name = spoken(label);
    if (at !== null) {
      name = Object.assign(document.createElement("button"), { type: "button", textContent: name });
      name.addEventListener("click", () => onClick(at));
    }
    const first = document.createElement("td");
    first.append(named(document.createElement("div"), color(label), kind, name));
    row.append(first, ...rest.map((cell) => Object.assign(document.createElement("td"), { textContent: cell })));
    return row;
  });
}

/** The list of what may be next; its entries stay, so that bars move rather than jump. */
export function listing(list, entries, nothing) {
  const wanted = Math.max(entries.length, 1);
  list.classList.toggle("none", !entries.length);
  while (list.children.length > wanted) list.lastElementChild.remove();
  while (list.children.length < wanted) list.append(entry());
  if (!entries.length) {
    const [name, when, bar, share] = list.firstElementChild.children;
    delete name.dataset.said;
    text(name, nothing);
    text(when, "");
    bar.hidden = true;
    text(share, "");
    return;
  }
  entries.forEach((one, place) => {
    const [name, when, bar, share] = list.children[place].children;
    if (name.dataset.said !== one.name) {
      name.dataset.said = one.name;
      named(name, one.color, "swatch coming", one.name);
    }
    text(when, one.when);
    text(share, one.share);
    bar.hidden = false;
    bar.style.setProperty("--c", one.color);
    bar.style.setProperty("--share", one.width);
  });
}

function entry() {
  const made = document.createElement("li");
  for (const [kind, name] of [["span", "name"], ["span", "when"], ["div", "bar"], ["span", "share"]]) {
    const part = document.createElement(kind);
    part.className = name;
    made.append(part);
  }
  made.children[2].setAttribute("aria-hidden", "true");
  made.children[2].append(document.createElement("div"));
  return made;
}
