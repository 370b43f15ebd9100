// What is open beside the map: one feature with everything that is known of it, or a list of features for who does not
// use the map. What is open is asked again when something was published. Whatever a source wrote is set as text.

import * as api from "./api.js";
import { classes, columns, facts, feeds, fold, pair, signs, text, when } from "./facts.js";
import { linked, make } from "./panel.js";
import * as state from "./state.js";
import { number, pick, t, time } from "./words.js";

/** @typedef {import("./api.js").Layer} Layer @typedef {import("./api.js").Feature} Feature */
/**
 * Something that is open: its heading while nothing is there yet, how it is asked for and how it is drawn.
 * @typedef {{title: () => string, ask: () => Promise<any>, draw: (found: any) => Node[]}} View
 * @typedef {{layer: Layer, properties: Record<string, any>, id: string}} Place
 */

const LISTED = 100;

/** @type {HTMLElement} */
let box;
/** @type {HTMLElement} */
let body;
/** Where it is said that what is open was renewed. */
const said = make("p", "note");
const content = make("div");
/** What had the focus before the details were opened. @type {HTMLElement | null} */
let before = null;
/** @type {View | null} */
let view = null;
/** What is drawn of it, to be compared. @type {string | null} */
let drawn = null;
let turn = 0;

/** @param {HTMLElement} element @param {HTMLElement} place */
export function mount(element, place) {
  box = element;
  body = place;
  said.setAttribute("role", "status");
  state.subscribe((now, was) => {
    if (now.selected !== was.selected) selected(now.selected, true);
    else if (view && (now.lang !== was.lang || now.at !== was.at || now.known !== was.known)) show(view, false);
  });
  document.addEventListener("bousai:published", renew);
  document.addEventListener("keydown", (event) => {
    const busy = event.target instanceof HTMLInputElement || document.querySelector("dialog[open]");
    if (event.key === "Escape" && !busy && state.get().selected) state.set({ selected: null });
  });
  if (state.get().selected) selected(state.get().selected, false);
}

/** Open the details of a feature. @param {string} layer @param {string} id */
export function select(layer, id) {
  state.set({ selected: `${layer}/${id}` });
}

/** @param {string | null} path @param {boolean} focus */
function selected(path, focus) {
  if (path === null) {
    close();
    return;
  }
  const at = path.indexOf("/");
  const [layerId, id] = [path.slice(0, at), path.slice(at + 1)];
  if (api.layer(layerId)) show(feature(layerId, id), focus);
  else {
    turn++;
    view = null;
    open([make("p", "", t("layer_unknown"))], focus);
  }
}

/** @param {string} layerId @param {string} id @returns {View} */
function feature(layerId, id) {
  const layer = () => /** @type {Layer} */ (api.layer(layerId)); // as it was last published
  return {
    title: () => "",
    ask: async () => {
      const one = await find(layer(), id);
      return { one, ...(await columns(layer(), one.properties)) };
    },
    draw: ({ one, fields, titles }) => [
      ...heading(layer(), one),
      ...facts(layer(), fields, titles, one.properties),
      sources(layer(), id),
    ],
  };
}

/** Ask for something and draw it. @param {View} wanted @param {boolean} focus */
async function show(wanted, focus) {
  const mine = ++turn;
  view = wanted;
  drawn = null;
  const heading = wanted.title() ? [make("h3", "", wanted.title())] : [];
  open([...heading, make("p", "", t("loading"))], focus);
  try {
    const found = await wanted.ask();
    if (mine !== turn) return;
    drawn = print(found);
    content.replaceChildren(...wanted.draw(found));
  } catch (error) {
    if (mine === turn) content.replaceChildren(...heading, make("p", "doubt", refused(error)));
  }
}

/**
 * Something was published: what is open is asked for again and, where it is another now, drawn again, with what was
 * unfolded and what has the focus left as it is.
 */
async function renew() {
  if (view === null || box.hidden) return;
  const [mine, wanted] = [++turn, view];
  const at = time(new Date(api.now()).toISOString());
  try {
    const found = await wanted.ask();
    if (mine !== turn) return;
    const now = print(found);
    if (now === drawn) return;
    const first = drawn === null && !content.querySelector(".doubt");
    drawn = now;
    keeping(() => content.replaceChildren(...wanted.draw(found)));
    if (!first) said.textContent = t("renewed", { time: at });
  } catch (error) {
    // A server that is not there is told above; what was read last stays.
    if (mine !== turn || !(error instanceof api.Refused) || error.status !== 404 || said.dataset.gone) return;
    drawn = null;
    const name = content.querySelector("h3");
    keeping(() => content.replaceChildren(...(name ? [name] : []), make("p", "doubt", refused(error))));
    said.textContent = t("renewed_gone", { time: at });
  }
}

/** What can be compared: an age changes by itself. @param {any} found */
function print(found) {
  return JSON.stringify(found, (name, value) => (/(^|_)age_min$/.test(name) ? undefined : value));
}

/** Draw anew without a person losing the place. @param {() => void} draw */
function keeping(draw) {
  const unfolded = [...content.querySelectorAll("details[open]")].map(keyOf);
  const active = document.activeElement;
  const focused = active && content.contains(active) ? active : null;
  const key = focused && keyOf(focused);
  const within = focused?.closest("details");
  const around = within ? keyOf(within) : null;
  draw();
  for (const one of content.querySelectorAll("details")) if (unfolded.includes(keyOf(one))) one.open = true;
  if (!focused) return;
  const all = /** @type {HTMLElement[]} */ ([...content.querySelectorAll("button, a, summary")]);
  const again =
    all.find((one) => keyOf(one) === key) ?? all.find((one) => one.tagName === "SUMMARY" && keyOf(one) === around);
  (again ?? box).focus({ preventScroll: true });
}

/** By what an element is found again. @param {Element} element */
function keyOf(element) {
  const part = element.tagName === "SUMMARY" ? element.parentElement : element;
  const key = /** @type {HTMLElement | null} */ (part)?.dataset.key;
  return key ?? element.getAttribute("href") ?? element.textContent;
}

/** @param {unknown} error */
function refused(error) {
  if (error instanceof api.Refused)
    return error.status === 404 ? t("feature_gone") : `${error.message} ${error.remedy}`;
  return t("offline");
}

/** @param {Layer} layer @param {string} id @returns {Promise<Feature>} */
async function find(layer, id) {
  if (api.isSmall(layer) && !layer.tiles) {
    const found = (await api.features(layer)).features.find((one) => one.id === id);
    if (found) return found;
  }
  return api.feature(layer, id);
}

/** @param {Node[]} nodes @param {boolean} focus */
function open(nodes, focus) {
  if (box.hidden) before = /** @type {HTMLElement | null} */ (document.activeElement);
  box.hidden = false;
  const shut = /** @type {HTMLButtonElement} */ (make("button", "close", "×"));
  shut.type = "button";
  shut.setAttribute("aria-label", t("close"));
  shut.addEventListener("click", () => {
    if (state.get().selected) state.set({ selected: null });
    else close();
  });
  said.textContent = "";
  content.replaceChildren(...nodes);
  body.replaceChildren(shut, said, content);
  if (focus) {
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  }
}

function close() {
  turn++;
  view = null;
  if (box.hidden) return;
  box.hidden = true;
  body.replaceChildren();
  before?.focus();
}

/** @param {Layer} layer @param {Record<string, any>} properties */
export function nameOf(layer, properties) {
  const name = layer.label ? properties[layer.label] : null;
  return String(name ?? properties.name ?? properties.area_name ?? properties.title ?? properties.id ?? "");
}

/** @param {Layer} layer @param {Feature} feature */
function heading(layer, feature) {
  const { properties } = feature;
  const drill = properties.status === "exercise" ? "【訓練】" : "";
  const title = make("h3", "feature");
  title.append(...signs(layer, properties), ` ${drill}${nameOf(layer, properties)}`);
  const kind = make("p", "note", [pick(layer.title), properties.pref_name].filter(Boolean).join(" · "));
  // A class of depths is said in its source's own words below: the step of the legend is the nearest, not the same.
  if (!layer.or_by) for (const { words } of classes(layer, properties)) kind.append(" · ", make("strong", "", words));
  const who = make("dl", "who");
  pair(who, t("issuer"), text(properties.issuer === "bousai" ? t("issuer_bousai") : properties.issuer));
  pair(who, t("issued_at"), when(properties.issued_at));
  pair(who, t("recorded_at"), when(properties.recorded_at));
  pair(who, t("source"), text(feeds(properties.source)));
  if (properties.muni_code) pair(who, t("muni_code"), text(properties.muni_code));
  const nodes = [title, kind, who];
  if (!feature.geometry) nodes.push(make("p", "note", t("no_place")));
  return nodes;
}

/** The documents behind a feature, asked for when a person wants them. @param {Layer} layer @param {string} id */
function sources(layer, id) {
  const part = fold("documents", t("documents"), []);
  part.className = "sources";
  part.addEventListener("toggle", async () => {
    if (part.childElementCount > 1) return;
    const list = make("ul");
    part.append(list);
    list.append(make("li", "", t("loading")));
    try {
      const found = await api.sources(layer, id);
      list.replaceChildren(...found.map(document_));
      if (found.length === 0) list.append(make("li", "", t("documents_none")));
    } catch (error) {
      list.replaceChildren(make("li", "doubt", refused(error)));
    }
  });
  return part;
}

/** @param {Record<string, any>} one */
function document_(one) {
  const li = make("li");
  li.append(linked(one.name ?? one.url ?? one.sha256 ?? "", one.url));
  const list = make("dl", "inner");
  if (one.issuer) pair(list, t("issuer"), text(one.issuer));
  if (one.issued_at) pair(list, t("issued_at"), when(one.issued_at));
  if (one.recorded_at) pair(list, t("recorded_at"), when(one.recorded_at));
  if (one.feed) pair(list, t("source"), text(feeds(one.feed)));
  if (one.position) pair(list, t("position"), text(String(one.position)));
  if (one.parser) pair(list, t("parser"), text(String(one.parser)));
  if (one.sha256) pair(list, "SHA-256", make("code", "", one.sha256));
  li.append(list);
  return li;
}

/**
 * Several features to choose from: those at one place of the map.
 * @param {Place[]} found
 */
export function choose(found) {
  state.set({ selected: null });
  show(
    {
      title: () => t("here", { n: found.length }),
      ask: async () => {
        /** @type {Place[]} */
        const now = await Promise.all(found);
        return now;
      },
      draw: (/** @type {Place[]} */ all) => {
        const list = make("ul", "choice");
        for (const { layer, properties, id } of all) list.append(entry(layer, id, properties, true));
        return [make("h3", "", t("here", { n: all.length })), list];
      },
    },
    true,
  );
}

/**
 * The features of a layer as a list: what the map shows, for who does not use it.
 * @param {string} layerId
 */
export async function list(layerId) {
  if (!api.layer(layerId)) return;
  const { muni } = state.get();
  const layer = () => /** @type {Layer} */ (api.layer(layerId)); // as it was last published
  let until = LISTED;
  state.set({ selected: null });
  await show(
    {
      title: () => pick(layer().title),
      ask: () => api.features(layer(), muni ? { muni } : api.isListable(layer()) ? {} : { limit: LISTED }),
      draw: (/** @type {import("./api.js").Found} */ { features, matched }) => {
        const all = features
          .map((one) => ({ one, rank: rankOf(layer(), one.properties) }))
          .sort((a, b) => b.rank - a.rank)
          .map(({ one }) => entry(layer(), one.id, one.properties, false));
        const list = make("ul", "choice");
        const more = /** @type {HTMLButtonElement} */ (make("button", "quiet", t("more")));
        const add = () => {
          list.append(...all.slice(list.childElementCount, until));
          more.hidden = until >= all.length;
        };
        more.type = "button";
        more.addEventListener("click", () => {
          until += LISTED;
          add();
        });
        add();
        const of =
          all.length < matched
            ? t("list_some", { n: number(all.length), of: number(matched) })
            : t("list_all", { n: number(all.length) });
        const where = muni ? `${t("in_muni", { code: muni })} ` : "";
        return [make("h3", "", pick(layer().title)), make("p", "note", where + of), list, more];
      },
    },
    true,
  );
}

/** How far up in a list. @param {Layer} layer @param {Record<string, any>} properties */
function rankOf(layer, properties) {
  return Math.max(0, ...classes(layer, properties).map(({ step }) => step.rank));
}

/** @param {Layer} layer @param {string} id @param {Record<string, any>} properties @param {boolean} withLayer */
function entry(layer, id, properties, withLayer) {
  const li = make("li");
  const button = /** @type {HTMLButtonElement} */ (make("button", "entry"));
  button.type = "button";
  button.dataset.key = `${layer.id}/${id}`;
  const words = make("span");
  words.append(make("strong", "", nameOf(layer, properties)));
  const grave = classes(layer, properties).map((one) => one.words);
  const told = [withLayer ? pick(layer.title) : "", ...grave].filter(Boolean);
  if (told.length) words.append(make("span", "note", told.join(" · ")));
  button.append(...signs(layer, properties), words);
  button.addEventListener("click", () => select(layer.id, id));
  li.append(button);
  return li;
}
