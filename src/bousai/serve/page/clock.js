// Two clocks: what was stated for one time, and what had reached this installation by another. Japan's time on the page.

import * as api from "./api.js";
import * as state from "./state.js";
import { t, time } from "./words.js";

/** @typedef {{issued: string[], recorded: string[], thinned: boolean}} Moments */

const STEP_MS = 1500;
/** How many changes a film shows that begins by itself. */
const FILM = 40;

/** @type {HTMLElement} */
let place;
/** What is shown, in a sentence; it stays, so that a screen reader hears what changes in it. @type {HTMLElement} */
let sentence;
/** @type {HTMLElement} */
let waits;
/** @type {Moments | null} */
let moments = null;
let open = false;
/** @type {number | undefined} */
let playing;

/** @param {HTMLElement} element */
export async function mount(element) {
  place = element;
  place.setAttribute("role", "region");
  open = state.get().at !== null || state.get().known !== null;
  sentence = document.createElement("p");
  sentence.className = "clock-sentence";
  sentence.setAttribute("role", "status");
  waits = document.createElement("p");
  waits.className = "clock-waits";
  waits.setAttribute("aria-live", "polite");
  state.subscribe((now, before) => {
    if (now.at !== before.at || now.known !== before.known || now.lang !== before.lang) draw();
    else if (now.together !== before.together) draw();
  });
  document.addEventListener("bousai:waiting", (event) => {
    const many = /** @type {CustomEvent<number>} */ (event).detail;
    const words = many > 0 ? t("clock_waits") : "";
    if (waits.textContent !== words) waits.textContent = words;
  });
  // Something new was published: there are new moments to stop at.
  document.addEventListener("bousai:published", () => {
    if (open) load(true);
    else moments = null;
  });
  draw();
  if (open) await load();
}

/** @param {boolean} [anew] */
async function load(anew) {
  if (moments && !anew) return;
  try {
    moments = await api.moments();
  } catch {
    moments ??= { issued: [], recorded: [], thinned: false };
  }
  draw();
}

function draw() {
  const { at, known } = state.get();
  const focus = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.clock;
  place.setAttribute("aria-label", t("clock"));
  document.body.classList.toggle("past", at !== null || known !== null);
  const said = words();
  if (sentence.textContent !== said) sentence.textContent = said;
  const toggle = button("clock_open", () => {
    open = !open;
    stop();
    draw();
    if (open) load();
  });
  toggle.setAttribute("aria-expanded", String(open));
  toggle.textContent = t(open ? "clock_close" : "clock_open");
  let line = place.querySelector(".clock-line");
  if (!line) {
    line = document.createElement("div");
    line.className = "clock-line";
    line.append(sentence, waits);
    place.append(line);
  }
  for (const one of line.querySelectorAll("button")) one.remove();
  waits.before(toggle, ...(at || known ? [button("clock_now", () => now())] : []));
  place.querySelector(".clock-controls")?.remove();
  if (open) place.append(controls());
  if (focus) /** @type {HTMLElement | null} */ (place.querySelector(`[data-clock="${focus}"]`))?.focus();
}

/** What is shown, in a sentence. */
function words() {
  const { at, known } = state.get();
  if (!at && !known) return t("clock_is_now");
  const first = moments?.recorded[0];
  const seen = known ? t("clock_known", { time: time(known) }) : t("clock_known_now");
  const before =
    known && first && Date.parse(known) < Date.parse(first) ? t("clock_before_first", { time: time(first) }) : "";
  return `${at ? t("clock_true", { time: time(at) }) : t("clock_true_now")}${seen}${before}`;
}

function controls() {
  const box = document.createElement("div");
  box.className = "clock-controls";
  box.append(dial("at", moments?.issued ?? []), dial("known", moments?.recorded ?? []));
  const lock = document.createElement("label");
  const check = document.createElement("input");
  check.type = "checkbox";
  check.checked = state.get().together;
  check.dataset.clock = "together";
  check.addEventListener("change", () =>
    state.set({ together: check.checked, ...(check.checked && { known: state.get().at }) }),
  );
  lock.append(check, ` ${t("clock_together")}`);
  const steps = document.createElement("div");
  steps.className = "clock-steps";
  steps.append(
    button("clock_before", () => step(-1)),
    button(playing ? "clock_stop" : "clock_play", () => play()),
    button("clock_after", () => step(1)),
  );
  const note = document.createElement("p");
  note.textContent = t("clock_note");
  const more = document.createElement("div");
  more.append(steps, lock);
  box.append(more, note);
  return box;
}

/** One clock: a slider over the moments at which something happened, and a field for any time. */
/** @param {"at" | "known"} which @param {string[]} ticks */
function dial(which, ticks) {
  const box = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = t(which === "at" ? "clock_at" : "clock_known_title");
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = "0";
  slider.max = String(ticks.length);
  slider.step = "1";
  slider.disabled = ticks.length === 0;
  slider.dataset.clock = `${which}-slider`;
  slider.value = String(position(which, ticks));
  slider.setAttribute("aria-label", t(`clock_${which}_slider`));
  const says = () => (Number(slider.value) === ticks.length ? t("clock_latest") : time(ticks[Number(slider.value)]));
  slider.setAttribute("aria-valuetext", says());
  const output = document.createElement("output");
  output.textContent = says();
  slider.addEventListener("input", () => {
    output.textContent = says();
    slider.setAttribute("aria-valuetext", says());
  });
  slider.addEventListener("change", () => choose(which, ticks[Number(slider.value)] ?? null));
  const ends = document.createElement("p");
  ends.className = "clock-ends";
  ends.setAttribute("aria-hidden", "true");
  for (const words_ of ticks.length ? [time(ticks[0]), t("clock_latest")] : []) {
    ends.append(Object.assign(document.createElement("span"), { textContent: words_ }));
  }
  box.append(legend, slider, ends, output, exact(which));
  return box;
}

/**
 * A field for any time. It counts when it is sent: while somebody types, every key makes another time of it.
 * @param {"at" | "known"} which
 */
function exact(which) {
  const form = document.createElement("form");
  const field = document.createElement("input");
  field.type = "datetime-local";
  field.dataset.clock = `${which}-field`;
  field.value = local(state.get()[which]);
  const label = document.createElement("label");
  label.append(`${t("clock_exact")} `, field, " JST");
  const go = document.createElement("button");
  go.type = "submit";
  go.textContent = t("clock_go");
  go.dataset.clock = `${which}-go`;
  form.append(label, go);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    choose(which, field.value ? `${field.value}:00+09:00` : null);
  });
  return form;
}

/** The last moment that is not after the clock. @param {"at" | "known"} which @param {string[]} ticks */
function position(which, ticks) {
  const shown = state.get()[which];
  if (shown === null) return ticks.length;
  const after = ticks.findIndex((one) => Date.parse(one) > Date.parse(shown));
  return after < 0 ? Math.max(0, ticks.length - 1) : Math.max(0, after - 1);
}

/** @param {"at" | "known"} which @param {string | null} time_ */
function choose(which, time_) {
  // Within the minute in which something was issued: all of it, not what was before.
  const end = time_ === null ? null : time_.replace(/:00(?:\.\d+)?([+-]\d\d:\d\d)$/, ":59$1");
  const set = end !== null && Date.parse(end) > api.now() ? present(/** @type {string} */ (time_)) : end;
  const both = which === "at" && state.get().together;
  state.set(both ? { at: set, known: set } : { [which]: set }, playing !== undefined);
}

/** A minute that is not over yet is known up to now; what lies ahead is now. @param {string} time_ */
function present(time_) {
  return Date.parse(time_) > api.now() ? null : new Date(api.now()).toISOString().replace(/\.\d+Z$/, "Z");
}

/** @param {number} by */
function step(by) {
  const ticks = moments?.issued ?? [];
  const next = position("at", ticks) + by;
  if (next < 0 || ticks.length === 0) return;
  choose("at", ticks[next] ?? null);
  if (next >= ticks.length) stop();
}

function play() {
  if (playing) {
    stop();
    draw();
    return;
  }
  const ticks = moments?.issued ?? [];
  if (state.get().at === null) choose("at", ticks[Math.max(0, ticks.length - FILM)] ?? null);
  playing = setInterval(() => step(1), STEP_MS);
  draw();
}

function stop() {
  clearInterval(playing);
  playing = undefined;
}

function now() {
  stop();
  state.set({ at: null, known: null, together: false });
}

/** A time as the field has it: Japan's, without offset. @param {string | null} iso */
function local(iso) {
  return iso === null ? "" : new Date(Date.parse(iso) + 9 * 3_600_000).toISOString().slice(0, 16);
}

/** @param {string} key @param {() => void} act */
function button(key, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = t(key);
  element.dataset.clock = key;
  element.addEventListener("click", act);
  return element;
}
