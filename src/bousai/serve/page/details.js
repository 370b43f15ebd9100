// One feature with everything that is known of it, and lists of features for who does not use the map. Whatever a source
// wrote is set as text.

import * as api from "./api.js";
import { linked, make } from "./panel.js";
import * as scale from "./scale.js";
import * as state from "./state.js";
import { has, number, pick, t, timeElement } from "./words.js";

/** @typedef {import("./api.js").Layer} Layer @typedef {import("./api.js").Field} Field @typedef {import("./api.js").Feature} Feature */

const LISTED = 100;
/** Shown above the table of columns, or of no use to a reader. */
const ELSEWHERE = ["id", "kind", "muni_code", "source", "issuer", "issued_at", "recorded_at", "status"];

/** @type {HTMLElement} */
let box;
/** @type {HTMLElement} */
let body;
/** What had the focus before the details were opened. @type {HTMLElement | null} */
let before = null;
let turn = 0;

/** @param {HTMLElement} element @param {HTMLElement} content */
export function mount(element, content) {
  box = element;
  body = content;
  state.subscribe((now, was) => {
    if (now.selected !== was.selected || now.lang !== was.lang || now.at !== was.at || now.known !== was.known) {
      show(now.selected, now.selected !== was.selected);
    }
  });
  document.addEventListener("keydown", (event) => {
    const busy = event.target instanceof HTMLInputElement || document.querySelector("dialog[open]");
    if (event.key === "Escape" && !busy && state.get().selected) state.set({ selected: null });
  });
  if (state.get().selected) show(state.get().selected, false);
}

/** Open the details of a feature. @param {string} layer @param {string} id */
export function select(layer, id) {
  state.set({ selected: `${layer}/${id}` });
}

/** @param {string | null} selected @param {boolean} focus */
async function show(selected, focus) {
  const mine = ++turn;
  if (selected === null) {
    close();
    return;
  }
  const at = selected.indexOf("/");
  const [layerId, id] = [selected.slice(0, at), selected.slice(at + 1)];
  const layer = api.layer(layerId);
  if (!layer) {
    open([make("p", "", t("layer_unknown"))], focus);
    return;
  }
  open([make("p", "", t("loading"))], focus);
  try {
    const [fields, feature] = await Promise.all([api.fields(layerId), find(layer, id)]);
    if (mine === turn)
      open([...heading(layer, feature), ...facts(layer, fields, feature.properties), sources(layer, id)], false);
  } catch (error) {
    if (mine === turn) open([make("p", "doubt", refused(error))], false);
  }
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
  body.replaceChildren(shut, ...nodes);
  if (focus) {
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  }
}

function close() {
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
  const step = scale.steps(layer)[scale.stepOf(layer, properties)];
  const title = make("h3", "feature");
  title.append(scale.sign(step, layer.geometry), ` ${drill}${nameOf(layer, properties)}`);
  const kind = make("p", "note", pick(layer.title));
  // A class of depths is said in its source's own words below: the step of the legend is the nearest, not the same.
  if (layer.scale && !layer.or_by) kind.append(" · ", make("strong", "", scale.words(step, layer, pick)));
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

/** The titles of the feeds that a feature came from. @param {string | null} source */
function feeds(source) {
  if (!source) return null;
  return source
    .split(" ")
    .map((id) => (api.known().feeds[id] ? `${pick(api.known().feeds[id])}（${id}）` : id))
    .join(t("list_comma"));
}

/** @param {Layer} layer @param {Field[]} fields @param {Record<string, any>} properties @returns {HTMLElement[]} */
function facts(layer, fields, properties) {
  const list = make("dl", "facts");
  const absent = [];
  for (const field of fields) {
    if (ELSEWHERE.includes(field.name)) continue;
    const value = properties[field.name];
    if (isNothing(value)) absent.push(pick(field));
    else pair(list, pick(field), shown(field, value, layer));
  }
  if (!absent.length) return [list];
  const rest = make("details", "absent");
  rest.append(
    make("summary", "", t("absent", { n: absent.length })),
    make("p", "note", absent.join(t("list_comma"))),
  );
  return [list, rest];
}

/** @param {any} value */
function isNothing(value) {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

/** @param {Field} field @param {any} value @param {Layer} layer @returns {Node} */
function shown(field, value, layer) {
  if (field.type === "datetime" && typeof value === "string") return when(value);
  if (isCount(value)) return text(count(value, field.unit));
  if (field.name === layer.colour_by && layer.scale && !layer.or_by) {
    const all = scale.steps(layer);
    const step = all[scale.stepOf(layer, { [field.name]: value })];
    return step === all.at(-1) ? plain(value) : text(scale.words(step, layer, pick));
  }
  if (typeof value === "number") return text(field.unit ? `${number(value)} ${field.unit}` : String(value));
  return plain(value, field.parts);
}

/** @param {any} value @param {Field[]} [parts] @returns {Node} */
function plain(value, parts = []) {
  if (value === null || value === undefined) return text(t("not_stated"));
  if (typeof value === "boolean") return text(t(value ? "yes" : "no"));
  if (typeof value === "number") return text(String(value)); // a code or a year has no thousands
  if (typeof value === "string") return string(value);
  if (isCount(value)) return text(count(value, null));
  if (Array.isArray(value)) {
    const list = make("ul", "values");
    for (const one of value) {
      const li = make("li");
      li.append(plain(one, parts));
      list.append(li);
    }
    return list;
  }
  const list = make("dl", "inner");
  for (const [name, one] of Object.entries(value)) {
    if (isNothing(one)) continue;
    const part = parts.find((each) => each.name === name);
    const title = part ? pick(part) : has(`field_${name}`) ? t(`field_${name}`) : name;
    pair(list, title, plain(one, part?.parts));
  }
  return list;
}

/** Text of a source: a time, a link that a browser may follow, one of our codes, or just text. @param {string} value */
function string(value) {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) && !Number.isNaN(Date.parse(value))) return timeElement(value);
  if (/^https?:\/\/\S+$/i.test(value)) return linked(value, value);
  return text(has(`value_${value}`) ? t(`value_${value}`) : value);
}

/** @param {any} value */
function isCount(value) {
  return typeof value === "object" && value !== null && "state" in value && "qualifier" in value && "value" in value;
}

/**
 * A count in words: a number, or why there is none. Empty, 0, under investigation and unconfirmed are not the same.
 * @param {{value: number | null, state: string, qualifier: string, text: string | null}} one
 * @param {string | null} unit
 */
export function count(one, unit) {
  const said = one.text ? `${t("bracket_open")}${one.text}${t("bracket_close")}` : "";
  if (one.value === null) return t(`count_${one.state}`) + said;
  const amount = number(one.value) + (unit ? ` ${unit}` : "");
  return (
    t(`qualifier_${one.qualifier}`, { n: amount }) +
    (one.state === "reported" ? "" : ` ${t(`count_${one.state}`)}`) +
    said
  );
}

/** @param {string | null | undefined} iso */
function when(iso) {
  return iso ? timeElement(iso) : text(null);
}

/** @param {string | null | undefined} value */
function text(value) {
  return document.createTextNode(value ?? t("not_stated"));
}

/** @param {HTMLElement} list @param {string} title @param {Node} value */
function pair(list, title, value) {
  const row = make("div");
  const dd = make("dd");
  dd.append(value);
  row.append(make("dt", "", title), dd);
  list.append(row);
}

/** The documents behind a feature, asked for when a person wants them. @param {Layer} layer @param {string} id */
function sources(layer, id) {
  const part = make("details", "sources");
  part.append(make("summary", "", t("documents")));
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
 * @param {{layer: Layer, properties: Record<string, any>, id: string}[]} found
 */
export function choose(found) {
  state.set({ selected: null });
  const list = make("ul", "choice");
  for (const { layer, properties, id } of found) list.append(entry(layer, id, properties, true));
  open([make("h3", "", t("here", { n: found.length })), list], true);
}

/**
 * The features of a layer as a list: what the map shows, for who does not use it.
 * @param {string} layerId
 */
export async function list(layerId) {
  const layer = api.layer(layerId);
  if (!layer) return;
  const { muni } = state.get();
  state.set({ selected: null });
  const mine = ++turn;
  open([make("h3", "", pick(layer.title)), make("p", "", t("loading"))], true);
  try {
    const some = muni ? { muni } : api.isListable(layer) ? {} : { limit: LISTED };
    const found = await api.features(layer, some);
    if (mine !== turn) return;
    const all = found.features
      .map((one) => ({ one, step: scale.stepOf(layer, one.properties) }))
      .sort((a, b) => scale.steps(layer)[b.step].rank - scale.steps(layer)[a.step].rank);
    const list = make("ul", "choice");
    const more = /** @type {HTMLButtonElement} */ (make("button", "quiet", t("more")));
    let until = 0;
    const add = () => {
      list.append(...all.slice(until, until + LISTED).map(({ one }) => entry(layer, one.id, one.properties, false)));
      until += LISTED;
      more.hidden = until >= all.length;
    };
    more.type = "button";
    more.addEventListener("click", add);
    add();
    const shownOf =
      all.length < found.matched
        ? t("list_some", { n: number(all.length), of: number(found.matched) })
        : t("list_all", { n: number(all.length) });
    const where = muni ? `${t("in_muni", { code: muni })} ` : "";
    open([make("h3", "", pick(layer.title)), make("p", "note", where + shownOf), list, more], false);
  } catch (error) {
    if (mine === turn) open([make("h3", "", pick(layer.title)), make("p", "doubt", refused(error))], false);
  }
}

/** @param {Layer} layer @param {string} id @param {Record<string, any>} properties @param {boolean} withLayer */
function entry(layer, id, properties, withLayer) {
  const step = scale.steps(layer)[scale.stepOf(layer, properties)];
  const li = make("li");
  const button = /** @type {HTMLButtonElement} */ (make("button", "entry"));
  button.type = "button";
  const words = make("span");
  words.append(make("strong", "", nameOf(layer, properties)));
  const said = [withLayer ? pick(layer.title) : "", layer.scale ? scale.words(step, layer, pick) : ""].filter(
    Boolean,
  );
  if (said.length) words.append(make("span", "note", said.join(" · ")));
  button.append(scale.sign(step, layer.geometry), words);
  button.addEventListener("click", () => select(layer.id, id));
  li.append(button);
  return li;
}
