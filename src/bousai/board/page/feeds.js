// The feeds, the one that needs a person most first: what its state means, what to do, and what is stale because of it.

import { ask, chosen, known, redraw, STATES } from "./board.js";
import { answerBar, contentBar, delayBar, delayChart, waysChart } from "./charts.js";
import { h } from "./dom.js";
import { airflow, download } from "./links.js";
import {
  answered,
  badge,
  causeAndRemedy,
  flatDetail,
  foreign,
  idOf,
  layerLink,
  layerText,
  none,
  opener,
  SIGNS,
  table,
  tag,
  when,
} from "./parts.js";
import { ago, language, length, list, many, number, pick, said, t, time } from "./words.js";

/** @typedef {import("./board.js").Feed} Feed @typedef {import("./dom.js").Kid} Kid */

/** The feeds that are asked for, worst first, then by name. */
function wanted() {
  const looked = chosen.search.trim().toLowerCase().split(/\s+/);
  return known()
    .feeds.filter((feed) => chosen.states.size === 0 || chosen.states.has(feed.state))
    .filter((feed) => {
      const text = [feed.feed, feed.title_ja, feed.title_en, feed.publisher].join(" ").toLowerCase();
      return looked.every((word) => text.includes(word));
    })
    .sort(worse);
}

/**
 * The worst state first; of those the feed that most alerts need, then most layers, then by name.
 * @param {Feed} a @param {Feed} b
 */
export function worse(a, b) {
  return (
    STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
    b.stale_alerts.length - a.stale_alerts.length ||
    b.stale_layers.length - a.stale_layers.length ||
    (a.feed < b.feed ? -1 : 1)
  );
}

/** @param {Feed} feed */
function values(feed) {
  return {
    answer: ago(feed.last_fetch_at),
    content: ago(feed.last_content_at),
    content_at: feed.last_content_at ? time(feed.last_content_at) : t("never"),
    heartbeat: feed.source_made_at ? `${time(feed.source_made_at)} (${ago(feed.source_made_at)})` : t("unknown"),
    since: feed.last_fetch_at ? time(feed.last_fetch_at) : t("never"),
    within: feed.content_within === null ? t("unknown") : length(feed.content_within),
    every: length(feed.every),
    n: feed.waiting,
  };
}

/** What the state of a feed means, in a sentence. @param {Feed} feed */
export function meaning(feed) {
  const key = `why_${feed.why}`;
  return said(key, "") ? t(key, values(feed)) : feed.reason || t("why_unknown");
}

/** What a person does about it; nothing where nothing is to be done. @param {Feed} feed */
export function remedy(feed) {
  const key = `do_${feed.why}`;
  return ["ok", "quiet"].includes(feed.state) || !said(key, "") ? "" : t(key);
}

export function feeds() {
  const those = wanted();
  const all = known().feeds.length;
  return [
    h(
      "div",
      { class: "tools" },
      h("label", { for: "search" }, t("search")),
      h("input", {
        id: "search",
        type: "search",
        autocomplete: "off",
        placeholder: t("search_hint"),
        value: chosen.search,
        oninput: (/** @type {Event} */ event) => {
          chosen.search = /** @type {HTMLInputElement} */ (event.currentTarget).value;
          redraw();
        },
      }),
      h(
        "fieldset",
        { class: "filter" },
        h("legend", { class: "unseen" }, t("filter_state")),
        STATES.map((state) =>
          h(
            "button",
            {
              key: state,
              type: "button",
              "aria-pressed": String(chosen.states.has(state)),
              onclick: () => {
                if (!chosen.states.delete(state)) chosen.states.add(state);
                redraw();
              },
            },
            h("span", { "aria-hidden": "true" }, SIGNS[state]),
            ` ${t(`state_${state}`)}`,
          ),
        ),
        chosen.states.size > 0 &&
          h(
            "button",
            {
              key: "all",
              type: "button",
              class: "plain",
              onclick: () => {
                chosen.states.clear();
                redraw();
              },
            },
            t("filter_clear"),
          ),
      ),
      h("p", { class: "soft", role: "status" }, t("shown_of", { n: those.length, of: all })),
    ),
    those.length === 0
      ? none("feeds_none")
      : table(
          t("feeds_caption"),
          [
            ["feed"],
            ["state", "state"],
            ["meaning", "meaning"],
            ["ages", "ages"],
            ["delay", "delays"],
            ["stale_by_it", "stale"],
            ["waiting", "number"],
          ],
          those.map((feed) => ({
            key: feed.feed,
            class: `feed ${feed.state}`,
            cells: [
              name(feed),
              state(feed),
              means(feed),
              ages(feed),
              delayBar(feed.stages),
              stale(feed),
              waiting(feed),
            ],
            more: chosen.open.has(`feed ${feed.feed}`) ? details(feed) : null,
          })),
          "feeds",
        ),
    h("p", { class: "soft legend" }, t("delay_legend")),
  ];
}

/** @param {Feed} feed */
function name(feed) {
  return [
    opener(`feed ${feed.feed}`, pick(feed.title_ja, feed.title_en), idOf(feed.feed), {
      "data-feed": feed.feed,
      onkeydown: step,
    }),
    h("small", null, h("code", null, feed.feed), " ", foreign(feed.publisher, "ja")),
  ];
}

/** Arrow keys go from feed to feed. @param {KeyboardEvent} event */
function step(event) {
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (by === 0) return;
  const all = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("button[data-feed]")]);
  const next = all[all.indexOf(/** @type {HTMLElement} */ (event.currentTarget)) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** @param {Feed} feed */
function state(feed) {
  return [
    badge(feed.state),
    feed.since && feed.state !== "ok"
      ? h("small", null, t("since", { time: time(feed.since), age: ago(feed.since) }))
      : null,
  ];
}

/** States of which the server knows more than the words do. */
const SAYS = ["no_answer", "never_read", "refused", "disabled"];
/** So many layers are named in a row; all of them are named where it is opened. */
const NAMED = 4;

/** @param {Feed} feed */
function means(feed) {
  const todo = remedy(feed);
  return [
    h("p", null, meaning(feed)),
    todo ? h("p", { class: "remedy" }, h("b", null, t("remedy")), " ", todo) : null,
    SAYS.includes(feed.why) && feed.reason ? h("p", { class: "detail" }, foreign(feed.reason)) : null,
  ];
}

/** @param {Feed} feed */
function ages(feed) {
  /** @type {[string, Kid, Kid][]} */
  const lines = [
    ["last_answer", short(feed.last_fetch_at), answerBar(feed)],
    ["last_content", short(feed.last_content_at), contentBar(feed)],
    ["heartbeat", feed.source_made_at ? short(feed.source_made_at) : null, null],
    ["next_due", feed.next_due_at ? due(feed) : null, null],
  ];
  return h(
    "dl",
    { class: "ages" },
    lines.map(([key, text, bar]) =>
      text ? h("div", { key }, h("dt", null, t(key)), h("dd", null, text, bar)) : null,
    ),
  );
}

/** @param {string | null} iso */
function short(iso) {
  return iso ? h("time", { datetime: iso, title: time(iso) }, ago(iso)) : h("span", { class: "soft" }, t("never"));
}

/** @param {Feed} feed */
function due(feed) {
  const past = Date.parse(feed.next_due_at ?? "") < Date.parse(known().now) - feed.every * 1000;
  return [short(feed.next_due_at), past ? h("b", { class: "doubtful" }, ` ▲ ${t("due_missed")}`) : null];
}

/** @param {Feed} feed */
function stale(feed) {
  if (feed.stale_layers.length + feed.stale_alerts.length === 0) return h("span", { class: "soft" }, "—");
  return [
    feed.stale_layers.length > 0 &&
      h("p", null, h("b", null, many("layers_n", feed.stale_layers.length)), " ", someLayers(feed.stale_layers)),
    feed.stale_alerts.length > 0 &&
      h("p", null, h("b", null, many("alerts_n", feed.stale_alerts.length)), " ", list(feed.stale_alerts)),
  ];
}

/** @param {string[]} ids */
function someLayers(ids) {
  if (ids.length <= NAMED + 1) return layerText(ids);
  return t("night_stale_many", { layers: layerText(ids.slice(0, NAMED)), n: ids.length - NAMED });
}

/** @param {Feed} feed */
function waiting(feed) {
  return feed.waiting > 0 ? h("b", null, number(feed.waiting)) : h("span", { class: "soft" }, "0");
}

/** What opens below a row. @param {Feed} feed */
function details(feed) {
  const ledger = ask(`work?subject=${encodeURIComponent(feed.feed)}`, feed.last_fetch_at ?? "");
  const ways = feed.ways.slice(-30);
  return h(
    "div",
    { class: "details", id: idOf(feed.feed) },
    h(
      "div",
      { class: "choices" },
      airflow(`dags/${encodeURIComponent(feed.dag_id)}`, t("open_dag"), { class: "button" }),
      feed.stale_layers.map((id) => layerLink(id)),
    ),
    h(
      "div",
      { class: "columns" },
      h(
        "section",
        null,
        h("h3", null, t("what_is_known")),
        h(
          "dl",
          { class: "facts" },
          fact("title_other", foreign(pick(feed.title_en, feed.title_ja), language() === "ja" ? "en" : "ja")),
          fact("since_when", when(feed.since)),
          fact("server_says", feed.reason ? foreign(feed.reason) : null),
          fact("last_answer", when(feed.last_fetch_at)),
          fact("last_content", when(feed.last_content_at)),
          fact("heartbeat", feed.source_made_at ? when(feed.source_made_at) : t("no_heartbeat")),
          fact("next_due", when(feed.next_due_at)),
          fact("rhythm", rhythm(feed)),
        ),
      ),
      h("section", null, h("h3", null, t("delay")), delayChart(feed.stages)),
      h(
        "section",
        null,
        h("h3", null, t("ways")),
        waysChart(ways),
        ways.length > 0 &&
          h(
            "details",
            null,
            h("summary", null, t("raw_documents", { n: ways.length })),
            h(
              "ul",
              { class: "plain" },
              [...ways]
                .reverse()
                .map((way) =>
                  h(
                    "li",
                    { key: way.sha256 },
                    download(way.sha256, way.name || way.sha256.slice(0, 12)),
                    " ",
                    when(way.issued_at ?? way.fetched_at),
                    way.published_at ? null : h("span", { class: "soft" }, ` ${t("not_published")}`),
                  ),
                ),
            ),
          ),
      ),
    ),
    h("h3", null, t("issues_of_feed", { n: feed.issues })),
    lastIssues(feed),
    h("h3", null, t("ledger")),
    answered(ledger, (answer) => rows(answer.work ?? [])),
  );
}

/** @param {string} key @param {Kid} value */
function fact(key, value) {
  return value ? h("div", { key }, h("dt", null, t(key)), h("dd", null, value)) : null;
}

/** @param {Feed} feed */
function rhythm(feed) {
  const marks = { every: length(feed.every), late: length(feed.late_after), dead: length(feed.dead_after) };
  return [
    t("rhythm_of", marks),
    " ",
    feed.content_within === null ? t("rhythm_any") : t("rhythm_within", { within: length(feed.content_within) }),
  ];
}

/** @param {Feed} feed */
function lastIssues(feed) {
  const those = known()
    .issues.filter((one) => one.feed === feed.feed)
    .slice(0, 5);
  const last = feed.last_issue;
  if (those.length === 0 && !last) return none("issues_none");
  const lines = those.length > 0 ? those : last ? [last] : [];
  return h(
    "ul",
    { class: "plain issues" },
    lines.map((one, at) =>
      h(
        "li",
        { key: at },
        tag(one.severity, "severity_"),
        " ",
        h("code", null, one.code),
        " ",
        when(one.raised_at),
        causeAndRemedy(one.cause, one.remedy),
      ),
    ),
  );
}

/** Rows of the ledger. @param {import("./board.js").Row[]} work */
export function rows(work) {
  if (work.length === 0) return none("ledger_none");
  return table(
    t("ledger_caption"),
    [["at"], ["verb"], ["outcome"], ["seconds", "number"], ["actor"], ["detail", "wide"]],
    work.slice(0, 50).map((one, at) => ({
      key: `${one.started_at} ${at}`,
      cells: [
        when(one.started_at),
        said(`verb_${one.verb}`, one.verb),
        tag(one.outcome, "outcome_"),
        number(one.seconds),
        one.actor,
        h("code", null, [one.reference, flatDetail(one.detail)].filter(Boolean).join(" ")),
      ],
    })),
    "ledger",
  );
}
