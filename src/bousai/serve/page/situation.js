// The table beside the map: every municipality of which something is said, with what, by whom and as of when.

import * as api from "./api.js";
import { DOUBTFUL } from "./panel.js";
import * as state from "./state.js";
import { ago, has, number, pick, t, time } from "./words.js";

/**
 * @typedef {[number | null, string?, string?]} Count  value, state, qualifier
 * @typedef {{code: string, name: string, pref: string, ward?: boolean, warning?: any, order?: any, orders?: number,
 *   tsunami?: any, intensity?: string, intensity_rank?: number, shelters?: Count, evacuees?: Count, dead?: Count,
 *   missing?: Count, outages?: string[], roads?: Count, as_of?: Record<string, string>, conflicts?: number}} Row
 * @typedef {{rows: Row[], valid_at: string, known_at: string, published_at: string, status: string,
 *   credits: string[], feeds?: Record<string, import("./api.js").Feed>}} Situation
 * @typedef {{id: string, of: (row: Row) => number | string | null, as: (row: Row) => Node[], ages?: string}} Column
 */

const PAGE = 100;
/** A figure that is older than this is marked. */
const OLD_MS = 24 * 3_600_000;

/** @type {Column[]} */
const COLUMNS = [
  { id: "muni", of: (row) => row.code, as: () => [] },
  {
    id: "warning",
    of: (row) => rank(row.warning),
    as: (row) => (row.warning ? stated("warning", row.warning.grade, row.warning.kind_name, row.warning) : []),
  },
  {
    id: "order",
    of: (row) => rank(row.order),
    as: (row) =>
      row.order
        ? [
            ...stated("evacuation", row.order.order, row.order.order_text ?? row.order.order, row.order),
            ...(row.order.ordered_at ? [small(t("ordered", { time: time(row.order.ordered_at) }), "")] : []),
          ]
        : [],
  },
  {
    id: "tsunami",
    of: (row) => rank(row.tsunami),
    as: (row) => (row.tsunami ? stated("tsunami", row.tsunami.grade, row.tsunami.kind_name, row.tsunami) : []),
  },
  {
    id: "intensity",
    of: (row) => row.intensity_rank ?? null,
    as: (row) => (row.intensity ? [mark("intensity", row.intensity), text(intensity(row.intensity))] : []),
    ages: "intensity",
  },
  { id: "shelters", of: (row) => value(row.shelters), as: (row) => count(row.shelters), ages: "shelters" },
  { id: "evacuees", of: (row) => value(row.evacuees), as: (row) => count(row.evacuees), ages: "evacuees" },
  { id: "dead", of: (row) => value(row.dead), as: (row) => count(row.dead), ages: "damage" },
  { id: "missing", of: (row) => value(row.missing), as: (row) => count(row.missing), ages: "damage" },
  {
    id: "outages",
    of: (row) => row.outages?.length ?? null,
    as: (row) => (row.outages ? [text(row.outages.map((one) => said(`value_${one}`, one)).join("・"))] : []),
    ages: "outages",
  },
  { id: "roads", of: (row) => value(row.roads), as: (row) => count(row.roads), ages: "roads" },
];

/** @type {HTMLElement} */
let place;
/** @type {Situation | null} */
let found = null;
let shown = PAGE;
let pref = "";
let words = "";
let all = false;
let asking = 0;
/** The municipality that was chosen last. @type {string | null} */
let before = null;
/** Why the table is not that of the state, null where it is. @type {string | null} */
let failure = null;
/** What stays while rows come and go, so that focus stays too and a screen reader hears what changes. */
const parts = {
  note: paragraph(""),
  doubt: paragraph(""),
  tools: document.createElement("form"),
  count: paragraph(""),
  rows: document.createElement("div"),
  credits: paragraph(""),
};

/** @param {HTMLElement} element */
export async function mount(element) {
  place = element;
  parts.note.className = parts.doubt.className = "doubt";
  parts.note.setAttribute("role", "status");
  parts.count.setAttribute("role", "status");
  parts.count.className = "count";
  parts.credits.className = "credits";
  parts.tools.className = "table-tools";
  parts.tools.addEventListener("submit", (event) => event.preventDefault());
  place.append(...Object.values(parts));
  state.subscribe((now, before) => {
    if (now.at !== before.at || now.known !== before.known) load();
    else if (now.lang !== before.lang || now.sort !== before.sort) draw();
    else if (now.muni !== before.muni) choose();
  });
  document.addEventListener("bousai:published", load);
  await load();
}

async function load() {
  const mine = ++asking;
  failure = null;
  place.setAttribute("aria-busy", "true");
  notes();
  try {
    const got = await api.situation();
    if (mine !== asking) return;
    found = got;
  } catch (error) {
    if (mine !== asking) return;
    failure = error instanceof Error ? error.message : "";
  }
  place.removeAttribute("aria-busy");
  draw();
}

/** What the reader must know of the table: that it is not the one of the clocks (yet), that its sources are silent. */
function notes() {
  const { at } = state.get();
  const busy = place.hasAttribute("aria-busy");
  let note = "";
  if (failure !== null) note = t(found ? "table_failed" : "table_failed_first", { why: failure });
  else if (busy && found && at) note = t("table_waits", { time: time(at) });
  else if (busy && !found) note = t("loading");
  if (parts.note.textContent !== note) parts.note.textContent = note;
  place.classList.toggle("stale", found !== null && (failure !== null || (busy && at !== null)));
  const feeds = Object.values(found?.feeds ?? {});
  const bad = feeds.filter((feed) => DOUBTFUL.includes(feed.state));
  const kinds = [...new Set(bad.map((feed) => t(`feed_${feed.state}`)))].join(t("list_comma"));
  const names = bad.map((feed) => pick(feed)).join(t("list_comma"));
  parts.doubt.textContent = bad.length ? t("table_doubt", { n: bad.length, of: feeds.length, kinds, names }) : "";
}

/** The rows that are wanted, in the order that is wanted. */
function wanted() {
  const rows = (found?.rows ?? []).filter(
    (row) =>
      (all || COLUMNS.some((column) => column.id !== "muni" && column.of(row) !== null) || row.outages) &&
      (!pref || row.pref === pref) &&
      (!words || `${row.pref}${row.name}${row.code}`.includes(words)),
  );
  const [id, way] = (state.get().sort ?? "").split(".");
  const column = COLUMNS.find((one) => one.id === id);
  if (column)
    rows.sort((a, b) => order(column.of(a), column.of(b), way === "asc" ? 1 : -1) || order(a.code, b.code, 1));
  else rows.sort((a, b) => gravity(b) - gravity(a) || order(a.code, b.code, 1));
  return rows;
}

/** What is not known comes last, whichever way is sorted. @param {any} a @param {any} b @param {number} way */
function order(a, b, way) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return a < b ? -way : a > b ? way : 0;
}

/** How grave a statement is among those of its scale, as the server ranks it; of another one, the least.
 * @param {any} said */
function rank(said) {
  return said ? (said.rank ?? 0) : null;
}

/** Without a wish: orders first, then warnings and tsunami, then people. @param {Row} row */
function gravity(row) {
  const warning = Math.max(rank(row.warning) ?? 0, rank(row.tsunami) ?? 0);
  const people = Math.min(value(row.evacuees) ?? 0, 99_999);
  return (row.order ? 1 + rank(row.order) : 0) * 1e9 + warning * 1e7 + (row.intensity_rank ?? 0) * 1e5 + people;
}

function draw() {
  const rows = wanted();
  notes();
  controls();
  const count = found ? t("table_matched", { n: number(rows.length), all: number(found.rows.length) }) : "";
  if (parts.count.textContent !== count) parts.count.textContent = count;
  parts.rows.replaceChildren(...(found ? [region(rows)] : []));
  parts.credits.textContent = found ? `${t("table_credits")}: ${[...new Set(found.credits)].join(" ／ ")}` : "";
  choose();
}

function controls() {
  const form = parts.tools;
  const select = document.createElement("select");
  select.append(new Option(t("table_all_prefs"), ""));
  for (const one of new Set((found?.rows ?? []).map((row) => row.pref))) select.append(new Option(one, one));
  select.value = pref;
  select.addEventListener("change", () => change(() => (pref = select.value), "select"));
  const search = document.createElement("input");
  search.type = "search";
  search.value = words;
  search.addEventListener("input", () => change(() => (words = search.value.trim()), "input[type=search]"));
  const check = document.createElement("input");
  check.type = "checkbox";
  check.checked = all;
  check.addEventListener("change", () => change(() => (all = check.checked), "input[type=checkbox]"));
  form.replaceChildren(label("table_pref", select), label("table_name", search), label("table_every", check, true));
}

/** @param {() => void} change_ @param {string} focus */
function change(change_, focus) {
  change_();
  shown = PAGE;
  draw();
  const again = /** @type {HTMLInputElement | null} */ (place.querySelector(`.table-tools ${focus}`));
  again?.focus();
  if (again?.type === "search") again.setSelectionRange(again.value.length, again.value.length);
}

/** @param {Row[]} rows */
function region(rows) {
  const wide = document.createElement("div");
  wide.className = "wide";
  wide.tabIndex = 0;
  wide.setAttribute("role", "group");
  wide.setAttribute("aria-label", t("situation"));
  if (rows.length === 0) {
    wide.append(paragraph(t(pref || words ? "table_none_match" : "table_nothing")));
    return wide;
  }
  const table = document.createElement("table");
  const caption = table.createCaption();
  const said_ = document.createElement("span");
  said_.textContent = found ? t("table_caption", { valid: time(found.valid_at), known: time(found.known_at) }) : "";
  caption.append(said_);
  const head = table.createTHead().insertRow();
  for (const column of COLUMNS) head.append(heading(column));
  const body = table.createTBody();
  for (const row of rows.slice(0, shown)) body.append(line(row));
  wide.append(table);
  if (rows.length > shown) {
    const more = document.createElement("button");
    more.type = "button";
    more.textContent = t("table_more", { n: number(rows.length - shown) });
    more.addEventListener("click", () => {
      const first = shown;
      shown += PAGE;
      draw();
      /** @type {HTMLElement | undefined} */ (place.querySelectorAll("tbody button")[first])?.focus();
    });
    wide.append(more);
  }
  return wide;
}

/** @param {Column} column */
function heading(column) {
  const [id, way] = (state.get().sort ?? "").split(".");
  const cell = document.createElement("th");
  cell.scope = "col";
  if (id === column.id) cell.setAttribute("aria-sort", way === "asc" ? "ascending" : "descending");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = t(`column_${column.id}`);
  button.dataset.column = column.id;
  button.addEventListener("click", () => {
    // numbers are looked at from the top, names from the beginning
    const first = column.id === "muni" ? "asc" : "desc";
    const next = id !== column.id ? first : way === first ? (first === "asc" ? "desc" : "asc") : null;
    shown = PAGE;
    state.set({ sort: next === null ? null : `${column.id}.${next}` });
    /** @type {HTMLElement | null} */ (place.querySelector(`[data-column="${column.id}"]`))?.focus();
  });
  cell.append(button);
  return cell;
}

/** @param {Row} row */
function line(row) {
  const element = document.createElement("tr");
  element.dataset.code = row.code;
  const name = document.createElement("th");
  name.scope = "row";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "name";
  const prefecture = document.createElement("small");
  prefecture.textContent = row.pref;
  button.append(prefecture, " ", row.name);
  button.addEventListener("click", () =>
    state.set({ muni: row.code, selected: `municipality_situation/${row.code}` }),
  );
  button.addEventListener("keydown", (event) => walk(event, button));
  name.append(button);
  if (row.conflicts) {
    const note = document.createElement("small");
    note.className = "doubt";
    note.textContent = t("table_conflicts", { n: row.conflicts });
    name.append(" ", note);
  }
  element.append(name);
  for (const column of COLUMNS.slice(1)) {
    const cell = element.insertCell();
    const nodes = column.as(row);
    if (nodes.length === 0) {
      const none = document.createElement("span");
      none.className = "unsaid";
      none.textContent = "–";
      none.setAttribute("aria-label", t("unsaid"));
      none.setAttribute("role", "img");
      cell.append(none);
      continue;
    }
    cell.append(...nodes);
    const at = column.ages && row.as_of?.[column.ages];
    if (at) cell.append(aged(at));
  }
  return element;
}

/** Up and down go from row to row. @param {KeyboardEvent} event @param {HTMLElement} from */
function walk(event, from) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const names = /** @type {HTMLElement[]} */ ([...place.querySelectorAll("tbody button.name")]);
  names[names.indexOf(from) + step]?.focus();
}

/** The row of the municipality that is chosen, brought into view; what is not there is said not to be. */
function choose() {
  const { muni } = state.get();
  place.querySelector(".chosen-none")?.remove();
  if (
    muni &&
    found &&
    !wanted()
      .slice(0, shown)
      .some((row) => row.code === muni)
  ) {
    const at = wanted().findIndex((row) => row.code === muni);
    if (at >= 0) {
      shown = PAGE * Math.ceil((at + 1) / PAGE);
      draw();
      return;
    }
    const of = found.rows.find((row) => row.code === muni);
    const none = paragraph(t("table_muni_none", { name: of ? of.pref + of.name : muni }));
    none.className = "chosen-none";
    none.setAttribute("role", "status");
    parts.rows.before(none);
  }
  for (const one of place.querySelectorAll("tr[data-code]")) {
    const mine = /** @type {HTMLElement} */ (one).dataset.code === muni;
    one.classList.toggle("chosen", mine);
    if (mine) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
    if (mine && muni !== before) one.scrollIntoView({ block: "nearest" });
  }
  before = muni;
}

/** @param {Count | undefined} of */
function value(of) {
  return of?.[0] ?? null;
}

/** A count in words: blank, 0, under survey and held back are told apart. @param {Count | undefined} of @returns {Node[]} */
function count(of) {
  if (!of) return [];
  const [many, is = "reported", exact = "exact"] = of;
  const nodes = [];
  if (many !== null) nodes.push(text(said(`qualifier_${exact}`, `${number(many)} (${exact})`, { n: number(many) })));
  if (is !== "reported") nodes.push(text(said(`count_${is}`, is)));
  return nodes;
}

/** The sign of a step of a scale, with its colour; the words stand beside it. @param {string} scale @param {string} step */
function mark(scale, step) {
  const one = api.known().scales[scale]?.find((each) => each.value === step);
  const sign = document.createElement("span");
  sign.className = "sign";
  sign.setAttribute("aria-hidden", "true");
  sign.textContent = one?.symbol || "●";
  if (one) {
    sign.style.backgroundColor = one.colour;
    sign.style.color = one.ink;
  }
  return sign;
}

/**
 * What somebody stated: its sign, its name in the reader's language, the words of the source where those differ, who
 * and when.
 * @param {string} scale @param {string} step @param {string} said_ @param {any} of
 */
function stated(scale, step, said_, of) {
  const one = api.known().scales[scale]?.find((each) => each.value === step);
  const name = one && state.get().lang !== "ja" ? pick(one) : said_;
  const source = name === said_ ? [] : [small(said_, "")];
  return [mark(scale, step), text(name), ...source, by(of)];
}

/** @param {string} code */
function intensity(code) {
  return code.startsWith("!") ? t("intensity_not_received") : code.replace("-", t("lower")).replace("+", t("upper"));
}

/** Who says it, since when, and whether of this municipality or of a larger area. @param {any} of */
function by(of) {
  const wide = of.match === "prefecture" ? t("of_prefecture") : "";
  const words_ = `${of.issuer ?? ""} ${of.issued_at ? when(of.issued_at) : ""}${wide}`;
  return of.issued_at ? aged(of.issued_at, words_) : small(words_, "");
}

/** How old a statement is at the time that is shown; an old one is marked. @param {string} at @param {string} [words_] */
function aged(at, words_ = when(at)) {
  const then = state.get().at;
  const old = (then === null ? api.now() : Date.parse(then)) - Date.parse(at) > OLD_MS;
  const element = small(words_, time(at));
  if (old) element.className = "old";
  return element;
}

/** How old it is; in a picture of another time the time itself, for its age today says nothing. @param {string} at */
function when(at) {
  return state.get().at === null ? ago(at) : time(at);
}

/** @param {string} words_ @param {string} title */
function small(words_, title) {
  const element = document.createElement("small");
  element.textContent = words_;
  element.title = title;
  return element;
}

/** @param {string} words_ */
function text(words_) {
  return document.createTextNode(words_);
}

/** @param {string} words_ */
function paragraph(words_) {
  const element = document.createElement("p");
  element.textContent = words_;
  return element;
}

/** @param {string} key @param {string} otherwise @param {Record<string, string | number>} [values] */
function said(key, otherwise, values) {
  return has(key) ? t(key, values) : otherwise;
}

/** @param {string} key @param {HTMLElement} control @param {boolean} [after] */
function label(key, control, after) {
  const element = document.createElement("label");
  const name = document.createElement("span");
  name.textContent = t(key);
  element.append(...(after ? [control, name] : [name, control]));
  return element;
}
