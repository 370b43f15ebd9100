// The table beside the map: every municipality of which something is said, with what, by whom and as of when.

import * as api from "./api.js";
import * as state from "./state.js";
import { ago, has, number, t, time } from "./words.js";

/**
 * @typedef {[number | null, string?, string?]} Count  value, state, qualifier
 * @typedef {{code: string, name: string, pref: string, ward?: boolean, warning?: any, order?: any, orders?: number,
 *   tsunami?: any, intensity?: string, intensity_rank?: number, shelters?: Count, evacuees?: Count, dead?: Count,
 *   missing?: Count, outages?: string[], roads?: Count, as_of?: Record<string, string>, conflicts?: number}} Row
 * @typedef {{rows: Row[], valid_at: string, known_at: string, published_at: string, status: string,
 *   credits: string[]}} Situation
 * @typedef {{id: string, of: (row: Row) => number | string | null, as: (row: Row) => Node[], ages?: string}} Column
 */

const PAGE = 100;
const GRADES = ["forecast", "advisory", "sea_warning", "crater_warning", "warning", "residential_warning"];
const RANKS = new Map(
  [...GRADES, "danger_warning", "major_warning", "emergency_warning"].map((one, at) => [one, at + 1]),
);

/** @type {Column[]} */
const COLUMNS = [
  { id: "muni", of: (row) => row.code, as: () => [] },
  {
    id: "warning",
    of: (row) => (row.warning ? (RANKS.get(row.warning.grade) ?? 0.5) : null),
    as: (row) =>
      row.warning ? [mark("warning", row.warning.grade), text(row.warning.kind_name), by(row.warning)] : [],
  },
  {
    id: "order",
    of: (row) => (row.order ? (row.order.level ?? 0.5) : null),
    as: (row) =>
      row.order
        ? [mark("evacuation", row.order.order), text(row.order.order_text ?? row.order.order), by(row.order)]
        : [],
  },
  {
    id: "tsunami",
    of: (row) => (row.tsunami ? (RANKS.get(row.tsunami.grade) ?? 0.5) : null),
    as: (row) =>
      row.tsunami ? [mark("tsunami", row.tsunami.grade), text(row.tsunami.kind_name), by(row.tsunami)] : [],
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

/** @param {HTMLElement} element */
export async function mount(element) {
  place = element;
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
  place.setAttribute("aria-busy", "true");
  try {
    const got = await api.situation();
    if (mine !== asking) return;
    found = got;
    draw();
  } catch (error) {
    if (mine !== asking) return;
    // What was there stays there; the words beside it say what it is.
    const note = paragraph(t("table_failed", { why: error instanceof Error ? error.message : "" }));
    note.className = "doubt";
    place.prepend(note);
  } finally {
    if (mine === asking) place.removeAttribute("aria-busy");
  }
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

/** Without a wish: orders first, then warnings, then people. @param {Row} row */
function gravity(row) {
  const order = row.order?.level ?? (row.order ? 1 : 0);
  const warning = row.warning ? (RANKS.get(row.warning.grade) ?? 0) : 0;
  return order * 1e8 + warning * 1e7 + (row.intensity_rank ?? 0) * 1e5 + Math.min(value(row.evacuees) ?? 0, 99_999);
}

function draw() {
  const rows = wanted();
  const credits = paragraph(`${t("table_credits")}: ${[...new Set(found?.credits ?? [])].join(" ／ ")}`);
  credits.className = "credits";
  place.replaceChildren(controls(rows.length), region(rows), credits);
  choose();
}

/** @param {number} matched */
function controls(matched) {
  const form = document.createElement("form");
  form.className = "table-tools";
  form.addEventListener("submit", (event) => event.preventDefault());
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
  const status = paragraph(t("table_matched", { n: number(matched), all: number(found?.rows.length ?? 0) }));
  status.setAttribute("role", "status");
  form.append(label("table_pref", select), label("table_name", search), label("table_every", check, true), status);
  return form;
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
    wide.append(paragraph(t(found?.rows.length ? "table_none_match" : "table_nothing")));
    return wide;
  }
  const table = document.createElement("table");
  const caption = table.createCaption();
  caption.textContent = found ? t("table_caption", { valid: time(found.valid_at), known: time(found.known_at) }) : "";
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
    if (at) cell.append(small(when(at), time(at)));
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

/** The row of the municipality that is chosen. */
function choose() {
  const { muni } = state.get();
  for (const one of place.querySelectorAll("tr[data-code]")) {
    const mine = /** @type {HTMLElement} */ (one).dataset.code === muni;
    one.classList.toggle("chosen", mine);
    if (mine) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
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

/** @param {string} code */
function intensity(code) {
  return code.startsWith("!") ? t("intensity_not_received") : code.replace("-", t("lower")).replace("+", t("upper"));
}

/** Who says it, since when, and whether of this municipality or of a larger area. @param {any} of */
function by(of) {
  const wide = of.match === "prefecture" ? t("of_prefecture") : "";
  return small(
    `${of.issuer ?? ""} ${of.issued_at ? when(of.issued_at) : ""}${wide}`,
    of.issued_at ? time(of.issued_at) : "",
  );
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
