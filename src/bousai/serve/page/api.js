// What the page asks of the server. No other module fetches.

import * as state from "./state.js";

/**
 * @typedef {{type: "Feature", id: string, geometry: object | null, properties: Record<string, any>}} Feature
 * @typedef {{features: Feature[], matched: number, members: Record<string, any>}} Found
 * @typedef {{ja: string, en: string, easy?: string}} Texts
 * @typedef {{name: string, type: string, ja: string, en: string, unit: string | null, parts?: Field[]}} Field
 * @typedef {{value: string, rank: number, colour: string, ink: string, pattern: string, symbol: string, ja: string,
 *   en: string, easy: string, source: string}} Step
 * @typedef {{ja: string, en: string, publisher: string | null, state: string, reason: string,
 *   last_content_at: string | null, last_fetch_at: string | null, credit: string, licence: string,
 *   licence_url: string}} Feed
 * @typedef {{id: string, group: string, first: boolean, title: Texts, description: Texts, geometry: string,
 *   areas: string | null, scale: string | null, colour_by: string | null, or_by: string | null, label: string | null,
 *   where: Record<string, string>, recent: {by: string, days: number} | null, count: number | null, bbox: number[] | null, version: string | null,
 *   published_at: string | null, feeds: string[], file: string | null, bytes: number | null, tiles: string | null,
 *   items: string}} Layer
 * @typedef {{now: string, status: string, published_at: string | null, exercise: boolean, empty: boolean,
 *   groups: (Texts & {id: string})[], scales: Record<string, Step[]>, feeds: Record<string, Feed>,
 *   layers: Layer[]}} Layers
 */

const WHOLE_BYTES = 400_000;
/** A whole layer at the wish of a person, who waits for it. */
const WISHED_BYTES = 3_000_000;
const PAGE = 1000;
const MOST = 20_000;
/** The most that the server gives at once. */
const AT_ONCE = "10000";
/** How often a picture of another time is asked for again while the server still makes it. */
const TURNS = 30;

let ahead = 0; // of our clock, the server's, in ms
/** @type {Layers | null} */
let listed = null;
/** @type {Map<string, Promise<Found>>} */
const kept = new Map();
/** @type {Map<string, Promise<Field[]>>} */
const columns = new Map();

/** Requests about another time that have no answer yet. */
let pending = 0;

/** A request that was refused, in the server's words. */
export class Refused extends Error {
  /** @param {number} status @param {string} message @param {string} remedy */
  constructor(status, message, remedy) {
    super(message);
    this.status = status;
    this.remedy = remedy;
  }
}

/** The server's time, in ms since 1970. */
export function now() {
  return Date.now() + ahead;
}

/** The words of the page. */
export function words() {
  return json(new URL("words.json", import.meta.url).href);
}

/** All layers that have a place on the map, asked anew. @returns {Promise<Layers>} */
export async function layers() {
  const { status } = state.get();
  const found = /** @type {Layers} */ (await json(`${state.base}map/layers.json?status=${status}`));
  ahead = Date.parse(found.now) - Date.now();
  listed = found;
  return found;
}

/** All layers as they were last asked. @returns {Layers} */
export function known() {
  if (listed === null) throw new Error("the layers were not asked yet");
  return listed;
}

/** @param {string} id @returns {Layer | undefined} */
export function layer(id) {
  return known().layers.find((one) => one.id === id);
}

/** The columns of a layer with their titles. @param {string} id */
export function fields(id) {
  return remembered(columns, id, () => json(`${state.base}map/fields/${id}.json`));
}

/** Code, prefecture, name, number of layers with something there. @returns {Promise<[string, string, string, number][]>} */
export function municipalities() {
  return json(`${state.base}map/municipalities.json?status=${state.get().status}`);
}

/** The rows of the situation table for the times of the state. */
export function situation() {
  return json(`${state.base}map/situation.json${asked({ status: state.get().status })}`);
}

/** When something was issued and recorded: what the clocks stop at. */
export function moments() {
  return json(`${state.base}map/moments.json?status=${state.get().status}`);
}

/** The address of what a layer has in a box at the times of the state. @param {Layer} one @param {number[]} box */
export function inView(one, box) {
  return `${state.base}${one.items}${asked({ bbox: box.map((n) => n.toFixed(4)).join(","), limit: AT_ONCE })}`;
}

/** The same of a municipality. @param {Layer} one @param {string} muni */
export function inMuni(one, muni) {
  return `${state.base}${one.items}${asked({ muni, limit: AT_ONCE })}`;
}

/** Whether the features of a layer are asked all at once; else those in view. @param {Layer} one */
export function isSmall(one) {
  return one.bytes === null || one.bytes <= WHOLE_BYTES;
}

/** Whether a person who wants a list of a layer gets all of it. @param {Layer} one */
export function isListable(one) {
  return one.bytes === null || one.bytes <= WISHED_BYTES;
}

/** A layer's address for the times of the state, as GeoJSON. @param {Layer} one */
export function address(one) {
  const { at, known } = state.get();
  return one.file && !at && !known ? state.base + one.file : `${state.base}${one.items}${asked({ limit: AT_ONCE })}`;
}

/** Of a layer that makes the ground of the map: what it has now, whatever the clocks say. @param {Layer} one @param {{bbox?: number[], muni?: string, limit?: number}} [only] */
export function ground(one, only = {}) {
  if (!only.bbox && !only.muni && one.file) {
    const url = `${state.base}${one.file}`;
    return remembered(kept, `${url}#${one.version}`, async () => whole(await json(url)));
  }
  const query = new URLSearchParams({
    limit: String(only.limit ?? PAGE),
    ...(only.bbox && { bbox: only.bbox.map((n) => n.toFixed(5)).join(",") }),
    ...(only.muni && { muni: only.muni }),
  });
  const url = `${state.base}${one.items}?${query}`;
  return remembered(kept, `${url}#${one.version}`, async () => whole(await json(url)));
}

/**
 * Features of a layer at the times of the state: all of them, of one municipality, or of those in a box.
 * @param {Layer} one
 * @param {{bbox?: number[], muni?: string, limit?: number, signal?: AbortSignal}} [only]
 * @returns {Promise<Found>}
 */
export function features(one, only = {}) {
  const { at, known: by } = state.get();
  if (!only.bbox && !only.muni && !only.limit && one.file && !at && !by) {
    const url = `${state.base}${one.file}`;
    return remembered(kept, `${url}#${one.version}`, async () => whole(await json(url)));
  }
  const limit = only.limit ?? MOST;
  const more = {
    ...(only.bbox && { bbox: only.bbox.map((n) => n.toFixed(5)).join(",") }),
    ...(only.muni && { muni: only.muni }),
  };
  const url = `${state.base}${one.items}${asked({ ...more, limit: String(Math.min(limit, PAGE)) })}`;
  if (only.signal) return pages(url, limit, only.signal);
  return remembered(kept, `${url}#${limit}#${one.version}`, () => pages(url, limit));
}

/**
 * One feature at the times of the state.
 * @param {Layer} one
 * @param {string} id
 * @returns {Promise<Feature>}
 */
export function feature(one, id) {
  return json(`${state.base}${one.items}/${path(id)}${asked({})}`);
}

/**
 * The documents that a feature was made of.
 * @param {Layer} one
 * @param {string} id
 * @returns {Promise<Record<string, any>[]>}
 */
export async function sources(one, id) {
  const found = await json(`${state.base}${one.items}/${path(id)}/sources${asked({ f: "json" })}`);
  return Array.isArray(found) ? found : (found.sources ?? []);
}

/** The address of a feature's documents, for people. @param {Layer} one @param {string} id */
export function sourcesAddress(one, id) {
  return `${state.base}${one.items}/${path(id)}/sources${asked({ f: "html" })}`;
}

/** Forget what was fetched: something is asked for anew. */
export function forget() {
  kept.clear();
}

/** @param {string} id */
function path(id) {
  return id.split("/").map(encodeURIComponent).join("/");
}

/** @param {Record<string, string>} more */
function asked(more) {
  const { at, known: by } = state.get();
  const query = new URLSearchParams({ ...(at && { datetime: at }), ...(by && { "known-at": by }), ...more });
  const text = query.toString();
  return text ? `?${text}` : "";
}

/**
 * A page and those after it. Their links name the server as it sees itself; only what they ask for is taken.
 * @param {string} url
 * @param {number} limit
 * @param {AbortSignal} [signal]
 * @returns {Promise<Found>}
 */
async function pages(url, limit, signal) {
  const first = await json(url, signal);
  const found = whole(first);
  let page = first;
  while (found.features.length < limit) {
    const next = page.links?.find((/** @type {{rel: string}} */ one) => one.rel === "next");
    if (!next) break;
    page = await json(url.split("?")[0] + new URL(next.href, url).search, signal);
    found.features.push(...page.features);
  }
  return found;
}

/** @param {Record<string, any>} collection @returns {Found} */
function whole({ features, ...members }) {
  return { features, matched: members.numberMatched ?? features.length, members };
}

/**
 * @template T
 * @param {Map<string, Promise<T>>} where
 * @param {string} key
 * @param {() => Promise<T>} ask
 */
function remembered(where, key, ask) {
  const there = where.get(key);
  if (there) return there;
  const asking = ask();
  where.set(key, asking);
  asking.catch(() => where.delete(key));
  if (where.size > 60) where.delete(where.keys().next().value ?? "");
  return asking;
}

/**
 * A picture of another time may take the server longer than it lets anybody wait: it says when to ask again.
 * @param {string} url @param {AbortSignal} [signal] @returns {Promise<any>}
 */
async function json(url, signal) {
  const past = /[?&](datetime|known-at)=/.test(url);
  if (past) waiting(1);
  try {
    for (let turn = 0; ; turn += 1) {
      const answer = await fetch(url, { headers: { Accept: "application/geo+json, application/json" }, signal });
      if (answer.ok) return await answer.json();
      const seconds = Number(answer.headers.get("Retry-After"));
      if (!past || answer.status !== 503 || !(seconds > 0) || turn === TURNS) {
        const problem = await answer.json().catch(() => ({}));
        const cause = problem.detail ?? `${answer.status} ${answer.statusText}`;
        throw new Refused(answer.status, cause, problem.remedy ?? "");
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(seconds, 10) * 1000));
      signal?.throwIfAborted();
    }
  } finally {
    if (past) waiting(-1);
  }
}

/** @param {1 | -1} by */
function waiting(by) {
  pending += by;
  document.dispatchEvent(new CustomEvent("bousai:waiting", { detail: pending }));
}
