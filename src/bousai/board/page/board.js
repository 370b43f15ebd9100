// What the board knows and what was done with it: the state of the server, what a person has opened and chosen, and
// the requests. Everything that is drawn is drawn from here.

import { now, setClock, t } from "./words.js";

/**
 * @typedef {"dead" | "late" | "held" | "paused" | "quiet" | "ok"} FeedState
 * @typedef {{n: number, p50: number, p95: number}} Stage
 * @typedef {Record<string, Stage | null | undefined>} Stages
 * @typedef {{name: string | null, sha256: string, issued_at: string | null, seen_at: string | null,
 *   fetched_at: string | null, stored_at: string | null, published_at: string | null}} Way
 * @typedef {{code: string, severity: string, cause: string, remedy: string, raised_at: string}} LastIssue
 * @typedef {{feed: string, title_ja: string, title_en: string, publisher: string, state: FeedState, why: string,
 *   reason: string, since: string | null, every: number, late_after: number,
 *   dead_after: number, content_within: number | null, last_content_at: string | null, last_fetch_at: string | null,
 *   source_made_at: string | null, next_due_at: string | null, waiting: number, dag_id: string,
 *   stale_layers: string[], stale_alerts: string[], stages: Stages | null, ways: Way[], issues: number,
 *   last_issue: LastIssue | null}} Feed
 * @typedef {{id: number, feed: string, code: string, severity: string, cause: string, remedy: string,
 *   position: string | null, sha256: string | null, name: string | null, stale: string[], raised_at: string,
 *   seen_at: string}} Issue
 * @typedef {{sha256: string, feed: string, name: string, outcome: string, cause: string, remedy: string,
 *   fetched_at: string, size: number, stale: string[]}} Waiting
 * @typedef {{identifier: string, rule: string, subject: string, status: string, phase: string, state: string,
 *   severity: string, headline_ja: string, headline_en: string, munis: string[], sent: string, expires: string,
 *   lapses_at: string | null, sha256: string, author: string, approvals_needed: number, approvals: number,
 *   decided_by: string[]}} Alert
 * @typedef {Alert & {cap: string, stages: Record<string, number | null>,
 *   decisions: {decision: string, person: string, sha256: string, reason: string, decided_at: string}[],
 *   deliveries: Record<string, any>[]}} Message
 * @typedef {{identifier: string, subscription: string, state: string, attempts: number, cause: string,
 *   remedy: string, next_at: string | null}} Undelivered
 * @typedef {{layer: string, title_ja: string, title_en: string, version: string, published_at: string | null,
 *   state: string, sources: string[], url: string}} Layer
 * @typedef {{date: string | null, when_ja: string, when_en: string, event: string, subject: string, title_ja: string, title_en: string, remedy_ja: string,
 *   remedy_en: string, source: string, days: number | null}} Entry
 * @typedef {{last_at: string | null, outcome: string, seconds: number, detail: Record<string, any> | null}} Work
 * @typedef {{name: string, state: string, since: string | null, restarts: number, pss: number | null}} Part
 * @typedef {{dag_id: string, task_id: string, run_id: string, at: string, cause: string, remedy: string,
 *   stale?: string[], outcome: string}} Failure
 * @typedef {{verb: string, subject: string, reference: string | null, started_at: string, seconds: number,
 *   outcome: string, detail: Record<string, any> | null, actor: string | null}} Row
 * @typedef {{key: string, name: string, address: string | null, source: string, muni_code: string | null,
 *   since: string | null, until: string | null, place_id: string | null}} Shelter
 * @typedef {{left: Shelter, right: Shelter, distance_m: number | null, score: number, reasons: string[]}} Candidate
 * @typedef {{now: string, person: {name: string, may_act: boolean, may_approve: boolean}, version: string, airflow: string,
 *   public_url: string, map_url: string | null, feeds: Feed[], stages: Stages | null, issues: Issue[],
 *   issue_count: number, quarantine: Waiting[], alerts: Alert[], undelivered: Undelivered[], layers: Layer[],
 *   calendar: Entry[], work: Record<string, Work | null>, parts: Part[] | null, failures: Failure[]}} State
 */

/** From the one that needs a person most to the one that needs none. @type {FeedState[]} */
export const STATES = ["dead", "late", "held", "paused", "quiet", "ok"];
export const EVERY_MS = 15_000;
const PATIENCE_MS = 12_000;
/** Older than this, what is shown may be anything. */
const FRESH_MS = 60_000;

/** A request that the server refused or that found no server: why, and what helps. */
export class Refused extends Error {
  /** @param {number} status @param {string} cause @param {string} remedy */
  constructor(status, cause, remedy) {
    super(cause);
    this.status = status;
    this.remedy = remedy;
  }
}

/** @type {State | null} */
let state = null;
/** When an answer that was newer than those before it came, by this machine's clock. */
let heardAt = 0;
/** Why the last request for the state failed. @type {Refused | null} */
let trouble = null;
/** @type {() => void} */
let draw = () => {};
/** @type {(before: State | null, after: State) => void} */
let arrived = () => {};
let asking = false;

/** What a person has opened, chosen and typed; a refresh does not touch it. */
export const chosen = {
  tab: "feeds",
  /** @type {Set<FeedState>} */
  states: new Set(),
  search: "",
  /** Rows that are open, by what they are of. @type {Set<string>} */
  open: new Set(),
};

/** What was asked for one open thing: its answer, or why there is none. @type {Map<string, any>} */
const answers = new Map();
/** What is being done, so that nobody does it twice. @type {Set<string>} */
const doing = new Set();
/** The outcome of what a person did last. @type {{ok: boolean, text: string, more: string} | null} */
let outcome = null;

/** @param {() => void} drawing @param {(before: State | null, after: State) => void} arrival */
export function start(drawing, arrival) {
  draw = drawing;
  arrived = arrival;
}

export function redraw() {
  draw();
}

/** What the server said last; there is something to say before anything else is drawn. */
export function known() {
  if (!state) throw new Error("nothing is known yet");
  return state;
}

export function anything() {
  return state !== null;
}

export function mayAct() {
  return state?.person.may_act === true;
}

export function mayApprove() {
  return state?.person.may_approve === true;
}

/** Why what is shown must not be believed: null, "lost" (no answer), "login" or "old" (of more than a minute ago). */
export function doubt() {
  if (trouble) return trouble.status === 401 ? "login" : "lost";
  return state && Date.now() - Math.min(heardAt, Date.parse(state.now)) > FRESH_MS ? "old" : null;
}

export function whyLost() {
  return trouble;
}

/** Ask for the state; what is known stays where there is no answer. */
export async function refresh() {
  if (asking) return;
  asking = true;
  try {
    /** @type {State} */
    const found = await request("state");
    const before = state;
    // An answer whose clock stands still is kept in between somewhere: it is shown, and grows old.
    if (!before || Date.parse(found.now) > Date.parse(before.now)) {
      heardAt = Date.now();
      setClock(found.now);
    }
    state = found;
    trouble = null;
    arrived(before, found);
  } catch (error) {
    trouble = refusal(error);
  } finally {
    asking = false;
  }
  draw();
}

/** @param {unknown} error */
function refusal(error) {
  if (error instanceof Refused) return error;
  return new Refused(0, error instanceof Error ? error.message : String(error), "");
}

/**
 * @param {string} address relative to the page
 * @param {unknown} [body] what to send with POST; without it, GET
 * @param {number} [patience]
 * @returns {Promise<any>}
 */
async function request(address, body, patience = PATIENCE_MS) {
  /** @type {RequestInit} */
  const how = { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(patience) };
  if (body !== undefined) {
    how.method = "POST";
    how.headers = { "content-type": "application/json" };
    how.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(new URL(address, document.baseURI), how);
  } catch (error) {
    const slow = error instanceof DOMException && error.name === "TimeoutError";
    throw new Refused(0, t(slow ? "no_answer_in_time" : "no_connection"), t("no_connection_remedy"));
  }
  /** @type {any} */
  let said = null;
  try {
    said = await answer.json();
  } catch {
    said = null; // a proxy in between may answer with a page of its own
  }
  if (answer.ok && said !== null) return said;
  const cause = typeof said?.cause === "string" ? said.cause : t("answered", { status: answer.status });
  throw new Refused(answer.status, cause, typeof said?.remedy === "string" ? said.remedy : "");
}

/**
 * The answer to something that is asked for only when a person opens it; null while it is awaited.
 * @param {string} address @param {string} [edition] ask again when this has changed @param {number} [patience]
 * @returns {{answer: any, error: Refused | null, loading: boolean}}
 */
export function ask(address, edition = "", patience = PATIENCE_MS) {
  const had = answers.get(address);
  if (!had || (had.edition !== edition && !had.loading)) {
    const entry = { answer: had?.answer ?? null, error: null, loading: true, edition };
    answers.set(address, entry);
    request(address, undefined, patience)
      .then(
        (answer) => Object.assign(entry, { answer, error: null, loading: false }),
        (error) => Object.assign(entry, { error: refusal(error), loading: false }),
      )
      .then(draw);
  }
  return answers.get(address);
}

/** Ask again the next time it is wanted. @param {string} address */
export function forget(address) {
  answers.delete(address);
}

/** @param {string} key */
export function busy(key) {
  return doing.has(key);
}

export function lastOutcome() {
  return outcome;
}

export function dismissOutcome() {
  outcome = null;
  draw();
}

/** What a person may not send: said beside the buttons, as an outcome is. @param {string} text */
export function refuse(text) {
  outcome = { ok: false, text, more: "" };
  draw();
}

/**
 * Do something on the server and say how it went. True where it was done.
 * @param {string} address @param {Record<string, unknown>} body @param {(answer: any) => string} told
 * @param {string} [key] what is busy meanwhile
 */
export async function act(address, body, told, key = address) {
  if (doing.has(key)) return false;
  doing.add(key);
  outcome = null;
  draw();
  let done = false;
  try {
    outcome = { ok: true, text: told(await request(address, body, 60_000)), more: "" };
    done = true;
  } catch (error) {
    const refused = refusal(error);
    const login = refused.status === 401;
    outcome = { ok: false, text: login ? t("login_needed") : refused.message, more: refused.remedy };
    if (login) trouble = refused;
  }
  doing.delete(key);
  draw();
  if (done) await refresh();
  return done;
}

/** @param {string} id */
export function toggle(id) {
  if (!chosen.open.delete(id)) chosen.open.add(id);
  draw();
}

/** @param {string} id */
export function feedOf(id) {
  return state?.feeds.find((one) => one.feed === id) ?? null;
}

/** Days and hours until something; negative when it is past. @param {string | null} iso */
export function until(iso) {
  return iso ? (Date.parse(iso) - now()) / 1000 : null;
}
