// The list of layers: which are shown, what their colours mean, how many things they have, how old their sources are,
// whose they are. And the search for a municipality.

import * as api from "./api.js";
import * as details from "./details.js";
import * as scale from "./scale.js";
import * as state from "./state.js";
import { ago, number, pick, t, time } from "./words.js";

/** @typedef {import("./api.js").Layer} Layer @typedef {import("./api.js").Feed} Feed */

/** States of a source that mean that its layer may lack something. */
export const DOUBTFUL = ["late", "dead", "held"];

/** @type {HTMLElement} */
let list;
/** @type {HTMLElement} */
let search;
/** Layers whose legend a person opened or closed. @type {Map<string, boolean>} */
const opened = new Map();
/** @type {[string, string, string, number][] | null} */
let names = null;

/** The ids of the layers that are shown now. */
export function shown() {
  return (
    state.get().layers ??
    api
      .known()
      .layers.filter((one) => one.first)
      .map((one) => one.id)
  );
}

/** @param {HTMLElement} listElement @param {HTMLElement} searchElement */
export function mount(listElement, searchElement) {
  list = listElement;
  search = searchElement;
  drawSearch();
  refresh();
  state.subscribe((now, before) => {
    if (now.lang !== before.lang) drawSearch();
    if (now.lang !== before.lang || now.at !== before.at || now.known !== before.known) refresh();
    else if (now.layers !== before.layers) check();
    if (now.muni !== before.muni) drawChosen();
  });
}

/** Draw the list again. */
export function refresh() {
  const { groups, layers } = api.known();
  const focused = document.activeElement?.id;
  list.replaceChildren(
    ...groups.flatMap((group) => {
      const those = layers.filter((one) => one.group === group.id);
      if (those.length === 0) return [];
      const section = make("details", "group");
      const open = opened.get(group.id) ?? those.some((one) => shown().includes(one.id));
      /** @type {HTMLDetailsElement} */ (section).open = open;
      section.addEventListener("toggle", () =>
        opened.set(group.id, /** @type {HTMLDetailsElement} */ (section).open),
      );
      const summary = make("summary");
      const title = make("h3", "", pick(group));
      const on = make("span", "on");
      on.dataset.group = group.id;
      summary.append(title, on);
      section.append(summary, ...those.map(row));
      return [section];
    }),
  );
  check();
  if (focused) document.getElementById(focused)?.focus();
}

/** Tick what is shown. */
function check() {
  const now = shown();
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (list.querySelectorAll("input[data-layer]"))) {
    box.checked = now.includes(box.dataset.layer ?? "");
    const legend = box.closest(".layer")?.querySelector(".legend");
    legend?.toggleAttribute("hidden", !box.checked);
  }
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(".on"))) {
    const those = api.known().layers.filter((layer) => layer.group === one.dataset.group);
    const ticked = those.filter((layer) => now.includes(layer.id)).length;
    one.textContent = ticked ? t("group_on", { n: ticked, of: those.length }) : String(those.length);
  }
}

/** @param {Layer} layer */
function row(layer) {
  const box = make("div", "layer");
  const head = make("div", "head");
  const label = make("label");
  const tick = /** @type {HTMLInputElement} */ (make("input"));
  tick.type = "checkbox";
  tick.id = `layer-${layer.id}`;
  tick.dataset.layer = layer.id;
  tick.addEventListener("change", () => toggle(layer.id, tick.checked));
  label.append(tick, make("span", "name", pick(layer.title)));
  head.append(label);
  const count = make("span", "count", amount(layer));
  head.append(count);
  box.append(head, health(layer));
  const legend = make("div", "legend");
  legend.append(...key(layer), actions(layer), about(layer));
  box.append(legend);
  return box;
}

/** @param {string} id @param {boolean} on */
function toggle(id, on) {
  const now = shown();
  const order = api.known().layers.map((one) => one.id);
  state.set({ layers: order.filter((one) => (one === id ? on : now.includes(one))) });
}

/** How many features there are, in words. @param {Layer} layer */
function amount(layer) {
  const { at, known } = state.get();
  if (at || known) return "";
  if (layer.count === null) return t("never_published");
  return layer.count === 0 ? t("count_none") : t("count", { n: number(layer.count) });
}

/**
 * What is the matter with the sources of a layer, in words and with a sign.
 * @param {Layer} layer
 */
function health(layer) {
  const feeds = layer.feeds.map((id) => api.known().feeds[id]).filter(Boolean);
  const line = make("p", "health");
  if (layer.published_at === null) return line;
  const { at, known } = state.get();
  if (at || known) line.append(make("span", "note", t("health_is_now")));
  const good = feeds.filter((feed) => !DOUBTFUL.includes(feed.state) && feed.state !== "paused");
  const bad = feeds.filter((feed) => DOUBTFUL.includes(feed.state));
  // Where nobody is well, how old the last is says more than ever.
  const newest = (good.length ? good : bad)
    .map((feed) => feed.last_fetch_at ?? "")
    .sort()
    .at(-1);
  if (newest) line.append(make("span", "age", t("fetched_ago", { age: ago(newest) })));
  else if (bad.length) line.append(make("span", "age", t("never_fetched")));
  if (bad.length) {
    const all = bad.length === feeds.length;
    const kinds = [...new Set(bad.map((feed) => t(`feed_${feed.state}`)))].join(t("list_comma"));
    const said = make(
      "span",
      "doubt",
      t(all ? "sources_all_bad" : "sources_bad", { n: bad.length, of: feeds.length, kinds }),
    );
    line.append(said);
  }
  return line;
}

/** @param {Layer} layer @returns {HTMLElement[]} */
function key(layer) {
  const steps = scale.steps(layer);
  const ul = make("ul", "key");
  for (const step of steps) {
    const li = make("li");
    li.append(scale.sign(step, layer.geometry), make("span", "", scale.words(step, layer, pick)));
    ul.append(li);
  }
  const notes = [];
  if (layer.geometry === "none") notes.push(make("p", "note", t("no_geometry")));
  else if (!api.isSmall(layer) && !layer.tiles) notes.push(make("p", "note", t("zoom_in")));
  const { at, known } = state.get();
  const nothing = layer.count === 0 && !at && !known;
  return layer.geometry === "none" || nothing ? notes : [ul, ...notes];
}

/** @param {Layer} layer */
function actions(layer) {
  const line = make("p", "actions");
  const open = make("button", "quiet", t("list"));
  /** @type {HTMLButtonElement} */ (open).type = "button";
  open.setAttribute("aria-label", `${pick(layer.title)} ${t("list")}`);
  open.addEventListener("click", () => details.list(layer.id));
  line.append(open);
  return line;
}

/** What the layer is, whose, under which licence, and how each source is. @param {Layer} layer */
function about(layer) {
  const box = make("details", "about");
  box.append(make("summary", "", t("about_sources")));
  box.addEventListener("toggle", () => {
    if (box.childElementCount > 1) return;
    box.append(make("p", "", pick(layer.description)));
    if (layer.scale) {
      const from = [
        ...new Set(
          scale
            .steps(layer)
            .map((step) => step.source)
            .filter(Boolean),
        ),
      ];
      box.append(make("p", "note", `${t("colours_from")}: ${from.join(" / ")}`));
    }
    const ul = make("ul", "feeds");
    for (const id of layer.feeds) {
      const feed = api.known().feeds[id];
      if (feed) ul.append(source(feed));
    }
    box.append(ul);
  });
  return box;
}

/** @param {Feed} feed */
function source(feed) {
  const li = make("li");
  li.append(make("strong", "", pick(feed)));
  const told = make("p", DOUBTFUL.includes(feed.state) ? "doubt" : "note", t(`feed_${feed.state}`));
  if (feed.last_fetch_at) told.append(` · ${t("fetched_ago", { age: ago(feed.last_fetch_at) })}`);
  if (feed.last_content_at) told.append(` · ${t("content_at", { time: time(feed.last_content_at) })}`);
  li.append(told, make("p", "credit", feed.credit));
  const licence = make("p", "note", `${t("licence")}: `);
  licence.append(linked(feed.licence, feed.licence_url));
  li.append(licence);
  return li;
}

/**
 * A link where the address is one that a browser may follow, else the text.
 * @param {string} text
 * @param {string | null} address
 */
export function linked(text, address) {
  if (!address || !/^https?:\/\//i.test(address)) return document.createTextNode(text);
  const link = document.createElement("a");
  link.href = address;
  link.rel = "noopener noreferrer";
  link.textContent = text;
  return link;
}

function drawSearch() {
  const field = /** @type {HTMLInputElement} */ (make("input"));
  field.type = "search";
  field.id = "muni-search";
  field.autocomplete = "off";
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-expanded", "false");
  field.setAttribute("aria-controls", "muni-found");
  field.setAttribute("aria-autocomplete", "list");
  field.placeholder = t("search_hint");
  const label = /** @type {HTMLLabelElement} */ (make("label", "", t("search")));
  label.htmlFor = field.id;
  const found = make("ul");
  found.id = "muni-found";
  found.setAttribute("role", "listbox");
  found.setAttribute("aria-label", t("search"));
  found.hidden = true;
  const said = make("p", "unseen");
  said.setAttribute("role", "status");
  field.addEventListener("input", () => look(field, found, said));
  field.addEventListener("focus", () => look(field, found, said));
  field.addEventListener("blur", () => setTimeout(() => close(field, found), 200));
  field.addEventListener("keydown", (event) => move(event, field, found));
  const chosen = make("p", "chosen");
  chosen.id = "muni-chosen";
  search.replaceChildren(label, field, found, said, browse(), chosen);
  drawChosen();
}

/** All municipalities, by prefecture, for who does not type. */
function browse() {
  const box = /** @type {HTMLDetailsElement} */ (make("details", "browse"));
  box.append(make("summary", "", t("choose_pref")));
  box.addEventListener("toggle", async () => {
    if (!box.open || box.childElementCount > 1) return;
    const all = await load().catch(() => []);
    const pref = chooser(t("choose_pref"), [...new Set(all.map(([, name]) => name))]);
    const muni = chooser(t("choose_muni"), []);
    muni.select.disabled = true;
    pref.select.addEventListener("change", () => {
      const those = all.filter(([, name]) => name === pref.select.value);
      const options = those.map(([code, , name, layers]) => new Option(layers ? `${name} ●` : name, code));
      muni.select.replaceChildren(new Option("", ""), ...options);
      muni.select.disabled = those.length === 0;
    });
    muni.select.addEventListener("change", () => {
      if (muni.select.value) state.set({ muni: muni.select.value });
    });
    box.append(pref.label, muni.label);
  });
  return box;
}

/** @param {string} title @param {string[]} names_ */
function chooser(title, names_) {
  const select = /** @type {HTMLSelectElement} */ (make("select"));
  select.append(new Option("", ""), ...names_.map((one) => new Option(one, one)));
  const label = make("label");
  label.append(make("span", "", title), select);
  return { select, label };
}

async function load() {
  names ??= await api.municipalities();
  return names;
}

async function drawChosen() {
  const place = document.getElementById("muni-chosen");
  const { muni } = state.get();
  if (!place) return;
  place.replaceChildren();
  if (!muni) return;
  const name = (await load().catch(() => [])).find(([code]) => code === muni);
  const clear = make("button", "quiet", t("muni_clear"));
  /** @type {HTMLButtonElement} */ (clear).type = "button";
  clear.addEventListener("click", () => state.set({ muni: null }));
  place.replaceChildren(make("strong", "", name ? name[1] + name[2] : muni), ` ${muni} `, clear);
}

/** @param {HTMLInputElement} field @param {HTMLElement} found @param {HTMLElement} said */
async function look(field, found, said) {
  const wanted = field.value.normalize("NFKC").trim();
  const all = await load().catch(() => []);
  const fits = wanted
    ? all.filter(
        ([code, pref, name]) =>
          (pref + name).includes(wanted) || (/^\d+$/.test(wanted) && code.startsWith(wanted.slice(0, 5))),
      )
    : all.filter(([, , , layers]) => layers > 0);
  const best = fits.sort((one, other) => other[3] - one[3]).slice(0, 30);
  found.replaceChildren(
    ...best.map(([code, pref, name, layers]) => {
      const li = make("li");
      li.id = `muni-${code}`;
      li.setAttribute("role", "option");
      li.setAttribute("aria-selected", "false");
      li.append(
        make("span", "", pref + name),
        make("span", "note", layers ? t("muni_layers", { n: layers }) : t("muni_none")),
      );
      li.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        choose(code, field, found);
      });
      return li;
    }),
  );
  found.hidden = best.length === 0 || document.activeElement !== field;
  field.setAttribute("aria-expanded", String(!found.hidden));
  said.className = wanted && fits.length === 0 ? "note" : "unseen";
  said.textContent = !wanted ? "" : fits.length ? t("search_found", { n: fits.length }) : t("search_none");
}

/** @param {KeyboardEvent} event @param {HTMLInputElement} field @param {HTMLElement} found */
function move(event, field, found) {
  const options = [...found.children];
  const at = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") close(field, found);
  if (event.key === "Enter" && !found.hidden) {
    const code = (options[at] ?? options[0])?.id.slice(5);
    if (code) choose(code, field, found);
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  const next = (at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
  for (const [number, one] of options.entries()) one.setAttribute("aria-selected", String(number === next));
  options[next]?.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", options[next]?.id ?? "");
}

/** @param {string} code @param {HTMLInputElement} field @param {HTMLElement} found */
function choose(code, field, found) {
  field.value = "";
  close(field, found);
  state.set({ muni: code });
}

/** @param {HTMLInputElement} field @param {HTMLElement} found */
function close(field, found) {
  found.hidden = true;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

/** @param {string} tag @param {string} [kind] @param {string} [text] @returns {HTMLElement} */
export function make(tag, kind = "", text = "") {
  const one = document.createElement(tag);
  if (kind) one.className = kind;
  if (text) one.textContent = text;
  return one;
}
