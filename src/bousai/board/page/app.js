// The board: what is so right now in one line, what must not be believed, and the tabs. Asks again every 15 seconds.

import { alerts } from "./alerts.js";
import {
  anything,
  chosen,
  dismissOutcome,
  doubt,
  EVERY_MS,
  known,
  lastOutcome,
  mayAct,
  redraw,
  refresh,
  STATES,
  start,
  whyLost,
} from "./board.js";
import { issues, quarantine } from "./documents.js";
import { draw, h } from "./dom.js";
import { feeds, meaning, worse } from "./feeds.js";
import { login } from "./links.js";
import { calendar, layers, system } from "./others.js";
import { layerNamed, SIGNS } from "./parts.js";
import { review } from "./review.js";
import { ago, fullTime, language, length, list, load, many, pick, speak, t, time } from "./words.js";

/** @typedef {import("./board.js").State} State @typedef {import("./board.js").Feed} Feed */
/** @typedef {import("./board.js").FeedState} FeedState @typedef {import("./dom.js").Kid} Kid */

/** How often ages are drawn anew, and how soon an old state is noticed. */
const AGES_MS = 5_000;

/** The tabs in order: what is in each, and how much there waits for a person. */
/** @type {{id: string, shown: () => Kid, count: (state: State) => number}[]} */
const TABS = [
  { id: "feeds", shown: feeds, count: () => 0 },
  { id: "quarantine", shown: quarantine, count: (state) => state.quarantine.length },
  { id: "issues", shown: issues, count: (state) => state.issue_count },
  { id: "alerts", shown: alerts, count: (state) => state.alerts.filter((one) => one.state === "awaiting").length },
  { id: "review", shown: review, count: () => 0 },
  { id: "layers", shown: layers, count: (state) => state.layers.filter((one) => one.state === "stale").length },
  {
    id: "calendar",
    shown: calendar,
    count: (state) => state.calendar.filter((one) => (one.days ?? 0) <= 14).length,
  },
  { id: "system", shown: system, count: (state) => state.failures.length },
];

/** What was announced last, to whoever hears the page. */
let announced = "";
/** Whether the last drawing showed something that must not be believed. @type {string | null} */
let doubted = null;

/** @param {string} id */
function place(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {FeedState} state */
function countOf(state) {
  return known().feeds.filter((feed) => feed.state === state).length;
}

function all() {
  const doubtful = doubt();
  if (doubted && !doubtful) announced = t("back");
  doubted = doubtful;
  document.documentElement.lang = language();
  document.body.classList.toggle("doubt", doubtful !== null || !anything());
  document.title = title(doubtful);
  draw(place("skip"), h("a", { class: "skip", href: "#main" }, t("skip")));
  draw(place("banners"), doubtful ? doubtBanner(doubtful) : null, anything() && !mayAct() ? readOnly() : null);
  draw(place("outcome"), outcome());
  draw(place("top"), top());
  if (anything()) {
    draw(place("night"), night());
    draw(place("tabs"), tabs());
    draw(place("panel"), panel());
  } else {
    draw(place("night"), h("p", { class: "soft" }, t(doubtful ? "lost_nothing" : "first_look")));
  }
  draw(place("live"), announced);
}

/** Draw; where that fails, say so loudly: half a drawing would look like a board. */
function drawAll() {
  try {
    all();
  } catch (error) {
    console.error(error);
    document.body.classList.add("doubt");
    draw(
      place("banners"),
      h("div", { class: "banner lost", role: "alert" }, h("p", null, h("b", null, t("broken")))),
    );
  }
}

/** @param {string | null} doubtful */
function title(doubtful) {
  if (doubtful || !anything()) return `? ${t("title")}`;
  const bad = STATES.slice(0, 3).filter((state) => countOf(state) > 0);
  return [...bad.map((state) => `${SIGNS[state]}${countOf(state)}`), t("title")].join(" ");
}

/** How old the state is; where it is old by this machine's clock, by that one. */
function stateAge() {
  const iso = known().now;
  return doubt() === "old" ? t("ago", { length: length((Date.now() - Date.parse(iso)) / 1000) }) : ago(iso);
}

function top() {
  return [
    h("h1", { key: "title" }, t("title")),
    anything() ? h("ul", { key: "glance", class: "glance", "aria-label": t("glance") }, STATES.map(glance)) : null,
    h(
      "div",
      { key: "who", class: "who" },
      anything()
        ? h("small", { title: fullTime(known().now) }, t("as_of", { time: fullTime(known().now), age: stateAge() }))
        : null,
      anything() ? h("small", null, known().person.name) : null,
      h(
        "button",
        {
          type: "button",
          id: "language",
          lang: language() === "ja" ? "en" : "ja",
          onclick: () => {
            speak(language() === "ja" ? "en" : "ja");
            announced = "";
            redraw();
          },
        },
        t("language"),
      ),
    ),
  ];
}

/** How many feeds are in a state; pressed, just those are shown. @param {FeedState} state */
function glance(state) {
  const n = countOf(state);
  return h(
    "li",
    { key: state },
    h(
      "button",
      {
        type: "button",
        class: n > 0 ? `count ${state}` : "count zero",
        "data-state": state,
        title: t("glance_one", { state: t(`state_${state}`), n }),
        onclick: () => {
          chosen.states.clear();
          chosen.states.add(state);
          choose("feeds");
        },
      },
      h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[state]),
      h("span", { class: "word" }, t(`state_${state}`)),
      " ",
      h("b", null, n),
    ),
  );
}

/** @param {string} doubtful */
function doubtBanner(doubtful) {
  const why = whyLost();
  const had = anything() ? known().now : null;
  const head = { login: "login_title", old: "old_title", lost: had ? "lost_title" : "lost_nothing" }[doubtful] ?? "";
  return h(
    "div",
    { key: "doubt", class: "banner lost", role: "alert" },
    h("p", null, h("b", null, `✕ ${t(head)}`)),
    doubtful === "login" &&
      h("p", null, t("login_text"), " ", login(t("login_button"), had ? known().airflow : undefined)),
    doubtful === "old" &&
      had &&
      h("p", null, t("old_text", { time: fullTime(had), age: length((Date.now() - Date.parse(had)) / 1000) })),
    doubtful === "lost" && why && h("p", null, `${why.message} ${why.remedy}`),
    doubtful === "lost" &&
      h("p", null, had ? t("lost_since", { time: fullTime(had), age: ago(had) }) : t("lost_never")),
    h("button", { type: "button", onclick: () => refresh() }, t("retry_now")),
  );
}

function readOnly() {
  return h("p", { key: "readonly", class: "banner note" }, t("read_only"));
}

/** How what a person did last went; it stays until it is closed. */
function outcome() {
  const last = lastOutcome();
  if (!last) return null;
  return h(
    "div",
    { class: last.ok ? "outcome good" : "outcome bad", role: last.ok ? "status" : "alert" },
    h("p", null, h("b", null, last.ok ? `✓ ${t("done")}` : `✕ ${t("not_done")}`), " ", last.text, " ", last.more),
    h("button", { type: "button", onclick: dismissOutcome }, t("close")),
  );
}

/** The sentence of the night: whether silence means that nothing happens, and what to do first. */
function night() {
  const { feeds: those, alerts: messages } = known();
  const bad = those.filter((feed) => ["dead", "late", "held"].includes(feed.state)).sort(worse);
  const paused = countOf("paused");
  const fine = countOf("ok") + countOf("quiet");
  const says = [];
  if (those.length === 0) says.push(t("night_none"));
  else if (bad.length + paused === 0) says.push(t("night_good", { n: fine }));
  if (bad.length > 0) {
    const states = STATES.filter((state) => bad.some((feed) => feed.state === state));
    const counts = list(states.map((state) => t("night_count", { state: t(`state_${state}`), n: countOf(state) })));
    says.push(t("night_bad", { counts }));
    says.push(t("night_worst", { feed: pick(bad[0].title_ja, bad[0].title_en), meaning: meaning(bad[0]) }));
    if (bad[0].state !== "held") says.push(t("night_more"));
    const stale = [...new Set(bad.flatMap((feed) => feed.stale_layers))];
    if (stale.length > 0) says.push(t("night_stale", { layers: named(stale) }));
  }
  if (paused > 0) says.push(t("night_paused", { n: paused }));
  if (bad.length + paused > 0 && fine > 0) says.push(many("night_rest", fine));
  const awaiting = messages.filter((one) => one.state === "awaiting");
  const actual = awaiting.filter((one) => one.status === "actual");
  const drills = awaiting.length - actual.length;
  const lapses = actual.flatMap((one) => (one.lapses_at ? [Date.parse(one.lapses_at)] : []));
  const urgent = [];
  if (actual.length > 0) urgent.push(many("night_alerts", actual.length));
  const left = (Math.min(...lapses) - Date.parse(known().now)) / 1000;
  if (lapses.length > 0 && left > 0) urgent.push(t("night_lapses", { length: length(left) }));
  if (drills > 0) urgent.push(many("night_drills", drills));
  const gap = language() === "ja" ? "" : " ";
  return h(
    "section",
    { class: bad.length > 0 ? `night ${bad[0].state}` : "night", "aria-label": t("night") },
    h("p", { class: "sentence" }, says.slice(0, 2).join(gap)),
    says.length > 2 ? h("p", { class: "sentence" }, says.slice(2).join(gap)) : null,
    urgent.length > 0 ? h("p", { class: "sentence urgent" }, urgent.join(gap)) : null,
  );
}

/** Three of them by name, and how many more. @param {string[]} ids */
function named(ids) {
  const first = list(ids.slice(0, 3).map(layerNamed));
  return ids.length > 3 ? t("night_stale_many", { layers: first, n: ids.length - 3 }) : first;
}

function tabs() {
  return h("div", { role: "tablist", "aria-label": t("tabs"), class: "tabs" }, TABS.map(tab));
}

/** @param {typeof TABS[number]} one */
function tab(one) {
  const selected = chosen.tab === one.id;
  const n = one.count(known());
  return h(
    "button",
    {
      key: one.id,
      id: `tab-${one.id}`,
      type: "button",
      role: "tab",
      "aria-selected": String(selected),
      "aria-controls": selected ? "tabpanel" : null,
      tabindex: selected ? 0 : -1,
      onclick: () => choose(one.id),
      onkeydown: step,
    },
    t(`tab_${one.id}`),
    n > 0 ? h("span", { class: "number" }, ` ${n}`) : null,
  );
}

/** Arrow keys, Home and End go from tab to tab. @param {KeyboardEvent} event */
function step(event) {
  const at = TABS.findIndex((one) => one.id === chosen.tab);
  const last = TABS.length - 1;
  /** @type {Record<string, number>} */
  const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last };
  const next = to[event.key];
  if (next === undefined) return;
  event.preventDefault();
  choose(TABS[next].id);
  place(`tab-${TABS[next].id}`).focus();
}

/** @param {string} id */
function choose(id) {
  chosen.tab = id;
  history.replaceState(null, "", `#${id}`);
  redraw();
}

function panel() {
  const one = TABS.find((each) => each.id === chosen.tab) ?? TABS[0];
  return h(
    "div",
    {
      key: one.id,
      id: "tabpanel",
      role: "tabpanel",
      "aria-labelledby": `tab-${one.id}`,
      tabindex: -1,
      class: one.id,
    },
    h("h2", { class: "unseen" }, t(`tab_${one.id}`)),
    one.shown(),
  );
}

/** Say aloud what has changed. @param {State | null} before @param {State} after */
function arrived(before, after) {
  if (!before) return;
  const changes = after.feeds.flatMap((feed) => {
    const old = before.feeds.find((each) => each.feed === feed.feed);
    if (!old || old.state === feed.state) return [];
    const states = { before: t(`state_${old.state}`), after: t(`state_${feed.state}`) };
    return [t("changed_state", { feed: pick(feed.title_ja, feed.title_en), ...states })];
  });
  const fresh = after.alerts.filter(
    (one) => one.state === "awaiting" && !before.alerts.some((old) => old.identifier === one.identifier),
  );
  const told = fresh.map((one) => {
    const drill = one.status === "actual" ? "" : "【訓練】";
    return t("new_alert", { headline: drill + pick(one.headline_ja, one.headline_en) });
  });
  if (changes.length + told.length > 0) announced = `${time(after.now)} ${[...told, ...changes].join(" ")}`;
}

async function begin() {
  try {
    await load();
  } catch (error) {
    console.error(error); // the page says by itself that nothing is known
    setTimeout(begin, EVERY_MS);
    return;
  }
  const wanted = location.hash.slice(1);
  if (TABS.some((one) => one.id === wanted)) chosen.tab = wanted;
  start(drawAll, arrived);
  drawAll();
  await refresh();
  setInterval(refresh, EVERY_MS);
  setInterval(drawAll, AGES_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  window.addEventListener("online", refresh);
}

begin();
