// The state of the page: one object, which lives in the address and nowhere else. So every view is a link.

/**
 * @typedef {object} State
 * @property {"ja" | "en" | "easy"} lang
 * @property {"actual" | "exercise"} status  which tree; part of the path, so setting it opens the other page
 * @property {string | null} at     ISO 8601: what was true then (null: now)
 * @property {string | null} known  ISO 8601: what was known by then (null: now)
 * @property {boolean} together  the two clocks move as one
 * @property {string[] | null} layers  ids of the layers that are shown (null: those that are shown first)
 * @property {string | null} muni   municipality code, 5 digits
 * @property {[number, number, number] | null} view  longitude, latitude, zoom (null: where there is something)
 * @property {string | null} selected  "layer/id" of the feature whose details are open
 * @property {string | null} sort   how the table is sorted
 */

const LANGUAGES = ["ja", "en", "easy"];
const root = document.documentElement;

/** @type {Set<(now: State, before: State) => void>} */
const listeners = new Set();

/** @type {State} */
let state = read();

/** The address of the landing page, with a slash at the end: everything is asked below it. */
export const base = new URL(root.dataset.base ?? "./", location.href.split(/[?#]/)[0]).href;

/** @returns {State} the state as it is; a copy is not needed, it is never changed in place */
export function get() {
  return state;
}

/**
 * Change some of the state; who subscribed is told.
 * @param {Partial<State>} patch
 * @param {boolean} [fleeting]  what a film does by itself is no step that "back" undoes
 */
export function set(patch, fleeting = false) {
  const before = state;
  const next = { ...before, ...patch };
  if (next.status !== before.status) {
    location.href = `${base}${next.status === "exercise" ? "exercise/" : ""}${query({ ...next, selected: null })}`;
    return;
  }
  if (JSON.stringify(next) === JSON.stringify(before)) return;
  state = next;
  // What a person chose is a step that "back" undoes; the map moving is not.
  const chosen = /** @type {const} */ (["selected", "muni", "at", "known"]).some((one) => next[one] !== before[one]);
  history[chosen && !fleeting ? "pushState" : "replaceState"](null, "", link());
  tell(before);
}

/**
 * Be told of every change. Returns what ends that.
 * @param {(now: State, before: State) => void} listener
 */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The address of what is shown now. */
export function link() {
  return location.pathname + query(state);
}

window.addEventListener("popstate", () => {
  const before = state;
  state = read();
  tell(before);
});

/** @param {State} before */
function tell(before) {
  for (const listener of listeners) listener(state, before);
}

/** @param {State} of */
function query(of) {
  const words = new URLSearchParams();
  if (of.lang !== "ja") words.set("lang", of.lang);
  if (of.at) words.set("at", of.at);
  if (of.known) words.set("known", of.known);
  if (of.together) words.set("together", "1");
  if (of.layers) words.set("layers", of.layers.join(","));
  if (of.muni) words.set("muni", of.muni);
  if (of.view) words.set("view", of.view.map((one, at) => one.toFixed(at < 2 ? 4 : 2)).join(","));
  if (of.selected) words.set("selected", of.selected);
  if (of.sort) words.set("sort", of.sort);
  const text = words.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text ? `?${text}` : "";
}

/** @returns {State} what the address says; what it says wrongly is as if it were not there */
function read() {
  const words = new URLSearchParams(location.search);
  const lang = words.get("lang") ?? "ja";
  const muni = words.get("muni");
  const selected = words.get("selected");
  const layers = words.get("layers");
  return {
    lang: /** @type {State["lang"]} */ (LANGUAGES.includes(lang) ? lang : "ja"),
    status: root.dataset.status === "exercise" ? "exercise" : "actual",
    at: moment(words.get("at")),
    known: moment(words.get("known")),
    together: words.get("together") === "1",
    layers: layers === null ? null : layers.split(",").filter((one) => /^[a-z0-9_]+$/.test(one)),
    muni: muni !== null && /^\d{5}$/.test(muni) ? muni : null,
    view: place(words.get("view")),
    selected: selected?.includes("/") ? selected : null,
    sort: words.get("sort"),
  };
}

/** A time that has passed; what lies ahead is not known yet, so it is now. @param {string | null} text */
function moment(text) {
  return text !== null && /^\d{4}-\d\d-\d\dT/.test(text) && Date.parse(text) <= Date.now() ? text : null;
}

/** @param {string | null} text @returns {State["view"]} */
function place(text) {
  const [lon, lat, zoom, ...more] = (text ?? "").split(",").map(Number.parseFloat);
  const good = more.length === 0 && Math.abs(lon) <= 180 && Math.abs(lat) <= 85 && zoom >= 0 && zoom <= 22;
  return good ? [lon, lat, zoom] : null;
}
