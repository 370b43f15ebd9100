// What is known of one feature, to be read: first what is in force, then the figures, each with who says it and as of
// when. Everything else is folded below and counted, under its raw key where it has no title: nothing is left out.
// Whatever a source wrote is set as text.

import * as api from "./api.js";
import { linked, make } from "./panel.js";
import * as scale from "./scale.js";
import * as state from "./state.js";
import { has, number, pick, t, time, timeElement } from "./words.js";

/** @typedef {import("./api.js").Layer} Layer @typedef {import("./api.js").Field} Field @typedef {import("./api.js").Step} Step */
/** @typedef {Map<string, Field>} Titles  of what stands inside lists and objects */
/** @typedef {Record<string, any>} Bag */
/**
 * How an entry of a list is said: by the step of a scale that one of its values has, in the source's own words, with an
 * amount; `more` is told below that, the rest is folded.
 * @typedef {{scale?: string, by?: string, words?: string, of?: string, amount?: string, more: string[]}} How
 */

const SITUATION = "municipality_situation";
/** A list that is longer is folded. */
const LONG = 5;
/** Said above all facts. */
const ABOVE = ["muni_code", "source", "issuer", "issued_at", "recorded_at"];
/** Of use to who wants to check, not to who wants to know. */
const TECHNICAL = [
  ...["id", "kind", "status", "item_id", "revision", "revisions", "document", "position", "stated_for", "source_id"],
  ...["area_code", "coast_code", "event_id", "kind_code", "last_kind_code", "class_code", "intensity_rank"],
];
/** What others say, where they differ, and what it all rests on. */
const BEHIND = ["claims", "conflicts", "statuses", "sources"];
const IN_FORCE = ["orders", "tsunami", "warnings", "intensities"];
const FIGURES = [
  "shelters_open",
  "evacuees",
  "evacuated_households",
  "order_households",
  "order_people",
  "roads_closed",
];
const REPORTED = ["outages", "roads", "disaster_hq", "people_estimate"];

/** @type {Record<string, How>} */
const HOW = {
  orders: {
    scale: "evacuation",
    by: "order",
    words: "order_text",
    more: ["level", "hazard", "district_name", "area_name", "ordered_at", "incident"],
  },
  tsunami: {
    scale: "tsunami",
    by: "grade",
    words: "kind_name",
    more: ["coast_name", "max_height_text", "max_height_m", "first_wave_at", "first_wave_condition"],
  },
  warnings: {
    scale: "warning",
    by: "grade",
    words: "kind_name",
    of: "phenomenon",
    more: ["of", "condition", "area_name", "full_or_partial"],
  },
  intensities: { scale: "intensity", by: "intensity", more: ["area_name", "condition"] },
  outages: {
    scale: "utility",
    by: "utility",
    amount: "affected",
    more: ["operator", "area_name", "affected_max", "water_stations", "state_text", "range", "expected_text"],
  },
  roads: { more: ["closed", "restricted"] },
  disaster_hq: { scale: "headquarters", by: "state", words: "name", more: ["set_up_at", "incident"] },
  people_estimate: { by: "hazard", amount: "population", more: ["residents", "coverage"] },
};
/** The layer whose columns are those of what stands in a property. @type {Record<string, string>} */
const KINDS = {
  orders: "evacuation_order",
  tsunami: "tsunami_forecast",
  warnings: "weather_warning",
  intensities: "seismic_intensity",
  shelters_open: "evacuation_summary",
  damage: "damage_count",
  damage_other: "damage_count",
  outages: "lifeline_outage",
  roads: "road_restriction",
  disaster_hq: "disaster_hq",
  people_estimate: "people_estimate",
  statuses: "shelter_status",
  last_stated: "shelter_status",
};

/**
 * The columns of a layer, and titles of what stands inside its values: columns of the layers that those are made of.
 * @param {Layer} layer @param {Bag} properties @returns {Promise<{fields: Field[], titles: Titles}>}
 */
export async function columns(layer, properties) {
  const kinds = new Set(Object.keys(KINDS).map((name) => (isNothing(properties[name]) ? "" : KINDS[name])));
  for (const name of BEHIND) for (const one of entries(properties[name])) kinds.add(one.kind);
  const wanted = [...kinds].filter((kind) => kind !== layer.id && api.layer(kind));
  const [fields, ...others] = await Promise.all([
    api.fields(layer.id),
    ...wanted.map((kind) => api.fields(kind).catch(() => [])), // without a title there is still the key
  ]);
  /** @type {Titles} */
  const titles = new Map();
  for (const field of [...others.flat(), ...fields]) titles.set(field.name, field);
  return { fields, titles };
}

/**
 * The steps that say how grave a feature is. A value that is not there is no class: nothing is said of it.
 * @param {Layer} layer @param {Bag} properties @returns {{step: Step, words: string}[]}
 */
export function classes(layer, properties) {
  if (!layer.scale) return [];
  const found = [];
  if (layer.id === SITUATION) {
    const orders = entries(properties.orders).map((one) => stepIn("evacuation", one.order));
    const gravest = orders.filter((one) => one !== undefined).sort((a, b) => b.rank - a.rank)[0];
    if (gravest) found.push({ step: gravest, words: pick(gravest) });
  }
  const values = [layer.colour_by, layer.or_by].map((name) => (name ? properties[name] : null));
  if (values.every(isNothing)) return found;
  const step = scale.steps(layer)[scale.stepOf(layer, properties)];
  return [...found, { step, words: scale.words(step, layer, pick) }];
}

/** The signs that stand before a feature's name. @param {Layer} layer @param {Bag} properties */
export function signs(layer, properties) {
  if (layer.id !== SITUATION) {
    return [scale.sign(scale.steps(layer)[scale.stepOf(layer, properties)], layer.geometry)];
  }
  return classes(layer, properties).map(({ step }) => scale.sign(step, layer.geometry));
}

/**
 * All that is known of a feature.
 * @param {Layer} layer @param {Field[]} fields @param {Titles} titles @param {Bag} properties @returns {HTMLElement[]}
 */
export function facts(layer, fields, titles, properties) {
  const said = new Set(ABOVE);
  const nodes =
    layer.id === SITUATION ? situation(titles, properties, said) : ordinary(layer, fields, titles, properties);
  if (layer.id !== SITUATION) for (const one of fields) if (!isFolded(one.name, properties)) said.add(one.name);
  for (const name of BEHIND) {
    if (said.has(name) || isNothing(properties[name])) continue;
    said.add(name);
    nodes.push(behind(name, properties[name], titles));
  }
  const rest = Object.keys(properties).filter((name) => !said.has(name) && !isNothing(properties[name]));
  nodes.push(...remaining("rest", "facts_rest", properties, rest, titles));
  const absent = fields.filter((one) => !ABOVE.includes(one.name) && isNothing(properties[one.name]));
  if (absent.length) {
    const names = make("p", "note", absent.map((one) => titleOf(one)).join(t("list_comma")));
    nodes.push(fold("absent", t("absent", { n: absent.length }), [names]));
  }
  return nodes;
}

/** @param {string} name @param {Bag} properties */
function isFolded(name, properties) {
  return TECHNICAL.includes(name) || (BEHIND.includes(name) && entries(properties[name]).length > 0);
}

/**
 * A layer whose columns are told in their order.
 * @param {Layer} layer @param {Field[]} fields @param {Titles} titles @param {Bag} properties @returns {HTMLElement[]}
 */
function ordinary(layer, fields, titles, properties) {
  const list = make("dl", "facts");
  /** @type {HTMLElement[]} */
  const lists = [];
  for (const field of fields) {
    const value = properties[field.name];
    if (ABOVE.includes(field.name) || isFolded(field.name, properties) || isNothing(value)) continue;
    if (HOW[field.name] && entries(value).length) lists.push(...listed(field.name, value, properties, titles));
    else pair(list, titleOf(field), shown(field, value, layer, titles));
  }
  return [...lists, list];
}

/**
 * A municipality: what is in force, what is counted, what is out of order. Of `said` all that was told is part then.
 * @param {Titles} titles @param {Bag} properties @param {Set<string>} said @returns {HTMLElement[]}
 */
function situation(titles, properties, said) {
  for (const name of ["name", "pref_name", "max_warning_grade"]) said.add(name); // they stand in the heading
  const nodes = [make("h4", "", t("facts_in_force"))];
  for (const name of IN_FORCE) {
    said.add(name);
    nodes.push(...listed(name, properties[name], properties, titles));
  }
  if (nodes.length === 1) nodes.push(make("p", "note", t("facts_none_in_force")));
  const list = make("dl", "facts");
  for (const name of FIGURES) {
    const value = properties[name];
    if (isNothing(value)) continue;
    said.add(name);
    pair(list, titled(name, value, titles) ?? name, figure(name, name, value, properties, titles));
  }
  nodes.push(make("h4", "", t("facts_figures")));
  if (list.childElementCount) nodes.push(list);
  if (!isNothing(properties.damage)) {
    for (const name of ["damage", "damage_incident"]) said.add(name);
    nodes.push(...damage("damage", properties.damage, properties.damage_incident, properties, titles));
  }
  said.add("damage_other");
  for (const one of entries(properties.damage_other)) {
    nodes.push(...damage("damage_other", one.damage ?? {}, one.incident, properties, titles));
    nodes.push(
      ...remaining(`damage_other.${one.incident}`, "facts_more", one, others(one, ["damage", "incident"]), titles),
    );
  }
  for (const name of REPORTED) {
    said.add(name);
    nodes.push(...listed(name, properties[name], properties, titles));
  }
  if (nodes.at(-1)?.tagName === "H4") nodes.push(make("p", "note", t("facts_no_figures")));
  return nodes;
}

/**
 * A list under its title; a long one is folded.
 * @param {string} name @param {any} value @param {Bag} properties @param {Titles} titles @returns {HTMLElement[]}
 */
function listed(name, value, properties, titles) {
  const all = entries(value);
  if (all.length === 0) return [];
  const list = make("ul", "values");
  list.append(...all.map((one, at) => entry(name, one, at, properties, titles)));
  const title = titled(name, value, titles) ?? name;
  if (all.length > LONG) return [fold(name, t("facts_of", { what: title, n: all.length }), [list])];
  return [make("h5", "", title), list];
}

/**
 * One entry: what it says, who says it, and folded what else it has.
 * @param {string} name @param {Bag} one @param {number} at @param {Bag} properties @param {Titles} titles
 */
function entry(name, one, at, properties, titles) {
  const how = HOW[name];
  const li = make("li");
  const step = how.scale && how.by ? stepIn(how.scale, one[how.by]) : undefined;
  const head = make("strong", "", headline(how, one, step));
  if (how.amount && !isNothing(one[how.amount])) {
    const unit = one.unit ?? titles.get(how.amount)?.unit;
    head.append(` ${isCount(one[how.amount]) ? count(one[how.amount], unit) : one[how.amount]}`);
  }
  if (step) li.append(scale.sign(step, "point"), " ");
  if (head.textContent) li.append(head);
  if (one.match === "prefecture")
    li.append(make("span", "note", t(name === "tsunami" ? "of_prefecture" : "of_whole_prefecture")));
  const more = how.more.filter(
    (each) => !isNothing(one[each]) && !(each === "area_name" && one[each] === properties.name),
  );
  if (more.length) li.append(inner(one, more, titles));
  const conflict = name === "outages" ? differing(`outages.${one.utility}`, one, properties, titles) : null;
  if (conflict) li.append(conflict);
  li.append(by(one));
  const used = [how.by, how.words, how.of, how.amount, "unit", "issuer", ...more].map((each) => each ?? "");
  li.append(...remaining(`${name}.${at}`, "facts_more", one, others(one, used), titles));
  return li;
}

/** What an entry is, in the language of the page and in the words of its source. @param {How} how @param {Bag} one @param {Step} [step] */
function headline(how, one, step) {
  const source = how.words ? (one[how.words] ?? "") : "";
  const japanese = state.get().lang === "ja";
  if (source && japanese) return source;
  const code = how.by ? one[how.by] : null;
  const ours = step ? pick(step) : isNothing(code) ? "" : word(String(code));
  const of = how.of && one[how.of] ? word(String(one[how.of])) : "";
  const words = [of, ours].filter(Boolean).join(" · ");
  if (!source || words.includes(source)) return words;
  return words ? words + t("bracket_open") + source + t("bracket_close") : source;
}

/**
 * A figure, who says it, and what others say.
 * @param {string} name @param {string} path  how claims name it @param {any} value @param {Bag} properties @param {Titles} titles
 */
function figure(name, path, value, properties, titles) {
  const part = document.createDocumentFragment();
  part.append(isCount(value) ? count(value, titles.get(name)?.unit) : plain(name, value, titles));
  const claim = claimOf(path, undefined, properties);
  const conflict = differing(path, null, properties, titles);
  if (conflict) part.append(conflict);
  if (claim) part.append(by(claim));
  return part;
}

/** The claim that is shown for a figure. @param {string} path @param {string | null | undefined} incident @param {Bag} properties */
function claimOf(path, incident, properties) {
  return entries(properties.claims).find(
    (one) => one.shown?.includes(path) && (incident === undefined || (one.incident ?? null) === (incident ?? null)),
  );
}

/**
 * That others say another number of the same, and which.
 * @param {string} path @param {Bag | null} one  the entry that is shown, of several of the same name @param {Bag} properties
 * @param {Titles} titles
 */
function differing(path, one, properties, titles) {
  const found = entries(properties.conflicts).filter((each) => each.attribute === path);
  const conflict = one
    ? found.find((each) =>
        entries(each.values).some((v) => v.shown && v.issuer === one.issuer && v.as_of === one.as_of),
      )
    : found[0];
  if (!conflict) return null;
  const unit = one?.unit ?? titles.get(path.split(".").at(-1) ?? "")?.unit;
  const others = entries(conflict.values)
    .filter((each) => !each.shown)
    .map(
      (each) => `${count(each.value, unit)}${t("bracket_open")}${who(each)} ${time(each.as_of)}${t("bracket_close")}`,
    );
  return make("p", "doubt", t("facts_differ", { others: others.join(t("list_comma")) }));
}

/**
 * Counts of damage by who says them; those of zero on one line.
 * @param {string} path @param {Bag} counts @param {string | null} incident @param {Bag} properties @param {Titles} titles
 */
function damage(path, counts, incident, properties, titles) {
  const title = t("field_damage") + (incident ? t("bracket_open") + incident + t("bracket_close") : "");
  const nodes = [make("h5", "", title)];
  const order = [...titles.keys()];
  const names = Object.keys(counts).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const claims = new Set(names.map((name) => claimOf(`${path}.${name}`, incident, properties)));
  for (const claim of claims) {
    const own = names.filter((name) => claimOf(`${path}.${name}`, incident, properties) === claim);
    const zeros = own.filter(
      (name) => isZero(counts[name]) && !differing(`${path}.${name}`, null, properties, titles),
    );
    const list = make("dl", "facts");
    for (const name of own.filter((one) => !zeros.includes(one))) {
      const value = document.createDocumentFragment();
      value.append(
        isCount(counts[name]) ? count(counts[name], titles.get(name)?.unit) : plain(name, counts[name], titles),
      );
      const conflict = differing(`${path}.${name}`, null, properties, titles);
      if (conflict) value.append(conflict);
      pair(list, titled(name, counts[name], titles) ?? name, value);
    }
    if (zeros.length) {
      const words = zeros.map((name) => titled(name, counts[name], titles) ?? name).join(t("list_comma"));
      pair(list, t("facts_zero"), text(words));
    }
    nodes.push(list);
    if (claim) nodes.push(by(claim));
  }
  return nodes;
}

/** Zero, and nothing else is said of it. @param {any} one */
function isZero(one) {
  return isCount(one) && one.value === 0 && one.state === "reported" && one.qualifier === "exact" && !one.text;
}

/** Who says something, through which source, and as of when. @param {Bag} one */
function by(one) {
  const line = make("p", "note");
  const told = [who(one), one.source ? feeds(one.source, false) : "", one.basis === "sum" ? t("value_sum") : ""];
  line.append(told.filter(Boolean).join(" · "));
  const at = one.as_of ?? one.issued_at;
  if (at)
    line.append(`${line.textContent ? " · " : ""}${t(one.as_of ? "field_as_of" : "issued_at")} `, timeElement(at));
  return line;
}

/** @param {Bag} one */
function who(one) {
  return one.issuer === "bousai" ? t("issuer_bousai") : (one.issuer ?? "");
}

/**
 * What is behind what is shown: each statement folded by itself.
 * @param {string} name @param {Bag[]} value @param {Titles} titles
 */
function behind(name, value, titles) {
  const list = make("ul", "values");
  for (const [at, one] of value.entries()) {
    const li = make("li");
    const names = others(one, ["issuer"]);
    const title = statement(one, titles) || String(at + 1);
    li.append(fold(`${name}.${at}`, t("facts_of", { what: title, n: names.length }), [inner(one, names, titles)]));
    list.append(li);
  }
  return fold(name, t("facts_of", { what: titled(name, value, titles) ?? name, n: value.length }), [list]);
}

/** What tells one statement from the others. @param {Bag} one @param {Titles} titles */
function statement(one, titles) {
  const at = one.as_of ?? one.issued_at;
  const kind = one.kind ? api.layer(one.kind) : undefined;
  const state_ = typeof one.state === "string" ? word(one.state) : "";
  const attribute = typeof one.attribute === "string" ? named(one.attribute, titles) : "";
  return [attribute, who(one), kind ? pick(kind.title) : (one.kind ?? ""), state_, at ? time(at) : ""]
    .filter(Boolean)
    .join(" · ");
}

/** @param {Bag} one @param {string[]} used */
function others(one, used) {
  return Object.keys(one).filter((name) => !used.includes(name) && !isNothing(one[name]));
}

/**
 * What was not told yet, folded. @param {string} key @param {string} words @param {Bag} one @param {string[]} names
 * @param {Titles} titles @returns {HTMLElement[]}
 */
function remaining(key, words, one, names, titles) {
  return names.length ? [fold(key, t(words, { n: names.length }), [inner(one, names, titles)])] : [];
}

/** Titles and values. @param {Bag} one @param {string[]} names @param {Titles} titles @param {Field[]} [parts] */
function inner(one, names, titles, parts = []) {
  const list = make("dl", "inner");
  for (const name of names) {
    const part = parts.find((each) => each.name === name);
    const title = part ? pick(part) : (titled(name, one[name], titles) ?? name);
    pair(list, title, plain(name, one[name], titles, part?.parts));
  }
  return list;
}

/** @param {string} key @param {string} words @param {Node[]} nodes */
export function fold(key, words, nodes) {
  const part = make("details");
  part.dataset.key = key;
  part.append(make("summary", "", words), ...nodes);
  return part;
}

/** The title of a column; in plain Japanese where there is one. @param {Field} field */
function titleOf(field) {
  return state.get().lang === "easy" && has(`field_${field.name}`) ? t(`field_${field.name}`) : pick(field);
}

/** The title of a value inside another, if there is one. @param {string} name @param {any} value @param {Titles} titles */
function titled(name, value, titles) {
  // The level of a warning is a number; that of a claim says who speaks.
  if (name === "level" && typeof value !== "number") return t("field_issuer_level");
  if (has(`field_${name}`)) return t(`field_${name}`);
  const field = titles.get(name);
  return field ? pick(field) : null;
}

/** The title of a figure as claims name it ("damage.dead"). @param {string} path @param {Titles} titles */
function named(path, titles) {
  return path
    .split(".")
    .map((name, at) => (at ? null : titled(name, 0, titles)) ?? titles.get(name) ?? name)
    .map((one) => (typeof one === "string" ? one : pick(one)))
    .join(t("facts_path"));
}

/** @param {string} name @param {any} value */
function stepIn(name, value) {
  return api.known().scales[name]?.find((step) => step.value === String(value));
}

/** @param {any} value @returns {Bag[]} the objects of a list */
function entries(value) {
  return Array.isArray(value) ? value.filter((one) => typeof one === "object" && one !== null) : [];
}

/** @param {any} value */
export function isNothing(value) {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

/** @param {Field} field @param {any} value @param {Layer} layer @param {Titles} titles @returns {Node} */
function shown(field, value, layer, titles) {
  if (field.type === "datetime" && typeof value === "string") return when(value);
  if (isCount(value)) return text(count(value, field.unit));
  if (field.name === layer.colour_by && layer.scale && !layer.or_by) {
    const all = scale.steps(layer);
    const step = all[scale.stepOf(layer, { [field.name]: value })];
    return step === all.at(-1) ? plain(field.name, value, titles) : text(scale.words(step, layer, pick));
  }
  if (typeof value === "number") return text(field.unit ? amount(value, field.unit) : String(value));
  return plain(field.name, value, titles, field.parts);
}

/** @param {string} name @param {any} value @param {Titles} titles @param {Field[]} [parts] @returns {Node} */
function plain(name, value, titles, parts = []) {
  if (value === null || value === undefined) return text(t("not_stated"));
  if (typeof value === "boolean") return text(t(value ? "yes" : "no"));
  if (typeof value === "number") {
    const unit = name.endsWith("_m") || name.endsWith("_km") ? titles.get(name)?.unit : null;
    return text(unit ? amount(value, unit) : String(value)); // a code or a year has no thousands
  }
  if (typeof value === "string") return string(name, value, titles);
  if (isCount(value)) return text(count(value, titles.get(name)?.unit));
  if (!Array.isArray(value)) {
    const names = others(value, []);
    const folded = names.filter((one) => TECHNICAL.includes(one) && !parts.some((part) => part.name === one));
    const list = inner(
      value,
      names.filter((one) => !folded.includes(one)),
      titles,
      parts,
    );
    if (folded.length === 0) return list;
    const box = make("div");
    box.append(list, ...remaining(`${name}.more`, "facts_more", value, folded, titles));
    return box;
  }
  if (value.every((one) => typeof one === "string") && ["attributes", "shown", "conflicts"].includes(name)) {
    return text(value.map((one) => named(one, titles)).join(t("list_comma")));
  }
  const list = make("ul", "values");
  for (const one of value) {
    const li = make("li");
    li.append(plain(name, one, titles, parts));
    list.append(li);
  }
  return value.length > LONG ? fold(`${name}.list`, t("facts_many", { n: value.length }), [list]) : list;
}

/**
 * Text of a source: a time, a link that a browser may follow, one of our codes, or just text.
 * @param {string} name @param {string} value @param {Titles} titles
 */
function string(name, value, titles) {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) && !Number.isNaN(Date.parse(value))) return timeElement(value);
  if (/^https?:\/\/\S+$/i.test(value)) return linked(value, value);
  if (name === "kind") return text(pick(api.layer(value)?.title ?? { ja: value }));
  if (name === "source") return text(feeds(value));
  if (name === "attribute") return text(named(value, titles));
  return text(word(value));
}

/** The words of one of our codes; what is none stays as it is. @param {string} value */
function word(value) {
  return has(`value_${value}`) ? t(`value_${value}`) : value;
}

/** The titles of the feeds that something came from. @param {string | null} source @param {boolean} [ids] */
export function feeds(source, ids = true) {
  if (!source) return null;
  return source
    .split(" ")
    .map((id) => {
      const feed = api.known().feeds[id];
      return feed ? pick(feed) + (ids ? t("bracket_open") + id + t("bracket_close") : "") : id;
    })
    .join(t("list_comma"));
}

/** @param {any} value */
function isCount(value) {
  return typeof value === "object" && value !== null && "state" in value && "qualifier" in value && "value" in value;
}

/**
 * A count in words: a number, or why there is none. Empty, 0, under investigation and unconfirmed are not the same.
 * The source's own words stand beside it where they say anything else.
 * @param {{value: number | null, state: string, qualifier: string, text: string | null}} one
 * @param {string | null} [unit]
 */
function count(one, unit) {
  const number_ = one.value === null ? "" : t(`qualifier_${one.qualifier}`, { n: amount(one.value, unit) });
  const state_ = one.state === "reported" && number_ ? "" : t(`count_${one.state}`);
  const words = [number_, state_].filter(Boolean).join(" ");
  const source = (one.text ?? "").normalize("NFKC").replace(/[,\s]/g, "");
  const same = [words, String(one.value), `約${one.value}`, ""].map((each) => each.replace(/[,\s]/g, ""));
  return same.includes(source) ? words : words + t("bracket_open") + one.text + t("bracket_close");
}

/** A number with its unit. @param {number} value @param {string | null} [unit] */
function amount(value, unit) {
  if (!unit) return number(value);
  const words = has(`unit_${unit}`) ? t(`unit_${unit}`) : unit;
  return /^[\x20-\x7e]/.test(words) ? `${number(value)} ${words}` : number(value) + words;
}

/** @param {string | null | undefined} iso */
export function when(iso) {
  return iso ? timeElement(iso) : text(null);
}

/** @param {string | null | undefined} value */
export function text(value) {
  return document.createTextNode(value ?? t("not_stated"));
}

/** @param {HTMLElement} list @param {string} title @param {Node} value */
export function pair(list, title, value) {
  const row = make("div");
  const dd = make("dd");
  dd.append(value);
  row.append(make("dt", "", title), dd);
  list.append(row);
}
