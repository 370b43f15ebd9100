// Small charts in SVG: each says in words what it shows, for whoever does not see it.

import { h } from "./dom.js";
import { ageOf, ago, length, t } from "./words.js";

/** @typedef {import("./board.js").Stages} Stages @typedef {import("./board.js").Feed} Feed */

/** What happens to a document, in order. */
export const STAGES = ["issued_seen", "seen_fetched", "fetched_stored", "stored_published"];

/** @param {Stages | null} stages */
function measured(stages) {
  return STAGES.flatMap((name) => {
    const found = stages?.[name];
    return found && found.n > 0 ? [{ name, ...found }] : [];
  });
}

/** @param {Stages} stages */
function inWords(stages) {
  return measured(stages)
    .map((one) => t("stage_words", { stage: t(`stage_${one.name}`), p50: length(one.p50), p95: length(one.p95) }))
    .join(t("semicolon"));
}

/**
 * The medians of the stages one after another, and a whisker to the sum of their 95th percentiles.
 * @param {Stages | null} stages
 */
export function delayBar(stages) {
  const those = measured(stages);
  if (!stages || those.length === 0) return h("span", { class: "soft", title: t("no_documents") }, "—");
  const sum = those.reduce((all, one) => all + one.p50, 0);
  const far = those.reduce((all, one) => all + one.p95, 0);
  const scale = 118 / Math.max(far, sum, 0.001);
  let at = 1;
  const bars = those.map((one) => {
    const x = at;
    at += one.p50 * scale;
    return h("rect", { x, y: 2, width: Math.max(one.p50 * scale, 0.6), height: 10, class: `stage ${one.name}` });
  });
  const end = 1 + far * scale;
  return h(
    "span",
    { class: "delay" },
    h(
      "svg",
      { viewBox: "0 0 120 14", width: 120, height: 14, role: "img", "aria-label": inWords(stages) },
      h("path", { d: `M${at} 7H${end}M${end} 3V11`, class: "whisker" }),
      bars,
    ),
    h("small", null, t("delay_sum", { p50: length(sum), p95: length(far) })),
  );
}

/** The same at full length: a line for every stage, with its numbers. @param {Stages | null} stages */
export function delayChart(stages) {
  const those = measured(stages);
  if (!stages || those.length === 0) return h("p", { class: "soft" }, t("no_documents"));
  const far = Math.max(...those.map((one) => one.p95), 0.001);
  return h(
    "table",
    { class: "stages" },
    h("caption", { class: "unseen" }, t("delay")),
    h(
      "thead",
      null,
      h("tr", null, [
        h("th", { scope: "col" }, t("stage")),
        h("th", { scope: "col" }, t("median_p95")),
        h("th", { scope: "col", class: "number" }, t("documents_n")),
        h("td", null),
      ]),
    ),
    h(
      "tbody",
      null,
      those.map((one) =>
        h(
          "tr",
          { key: one.name },
          h("th", { scope: "row" }, t(`stage_${one.name}`)),
          h("td", null, `${length(one.p50)} / ${length(one.p95)}`),
          h("td", { class: "number" }, one.n),
          h(
            "td",
            null,
            h(
              "svg",
              { viewBox: "0 0 160 12", width: 160, height: 12, "aria-hidden": "true" },
              h("path", { d: `M0 6H${(one.p95 / far) * 158}m0 -4v8`, class: "whisker" }),
              h("rect", { x: 0, y: 1, width: (one.p50 / far) * 158, height: 10, class: `stage ${one.name}` }),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * A bar of an age with the marks it may not pass.
 * @param {number} age @param {{at: number, name: string}[]} marks @param {string} state @param {string} label
 */
function rhythm(age, marks, state, label) {
  const last = marks[marks.length - 1].at;
  const scale = 90 / last;
  const over = age * scale > 98;
  return h(
    "svg",
    { viewBox: "0 0 100 12", width: 100, height: 12, role: "img", "aria-label": label, class: `rhythm ${state}` },
    h("rect", { x: 0, y: 3, width: 100, height: 6, class: "track" }),
    h("rect", { x: 0, y: 3, width: Math.min(Math.max(age, 0) * scale, 100), height: 6, class: "age" }),
    marks.map((one) => h("path", { key: one.name, d: `M${one.at * scale} 0V12`, class: `mark ${one.name}` })),
    over && h("path", { d: "M94 1L100 6L94 11Z", class: "over" }),
  );
}

/** How long the source has not answered, against when that makes it late and dead. @param {Feed} feed */
export function answerBar(feed) {
  const age = ageOf(feed.last_fetch_at);
  if (age === null || feed.state === "paused") return null;
  const state = age > feed.dead_after ? "dead" : age > feed.late_after ? "late" : "ok";
  const label = t("answer_bar", {
    age: ago(feed.last_fetch_at),
    late: length(feed.late_after),
    dead: length(feed.dead_after),
  });
  const marks = [
    { at: feed.late_after, name: "late" },
    { at: feed.dead_after, name: "dead" },
  ];
  return rhythm(age, marks, state, label);
}

/** How old the newest statement is, against how often the source always says something. @param {Feed} feed */
export function contentBar(feed) {
  const age = ageOf(feed.last_content_at);
  if (age === null || feed.content_within === null) return null;
  const label = t("content_bar", { age: ago(feed.last_content_at), within: length(feed.content_within) });
  const late = age > feed.content_within;
  return rhythm(age, [{ at: feed.content_within, name: "late" }], late ? "late" : "ok", label);
}

/** How long each of the last documents took, oldest first. @param {import("./board.js").Way[]} ways */
export function waysChart(ways) {
  const those = ways.flatMap((way) => {
    const from = Date.parse(way.issued_at ?? way.seen_at ?? way.fetched_at ?? "");
    const to = Date.parse(way.published_at ?? way.stored_at ?? "");
    return Number.isNaN(from) || Number.isNaN(to) ? [] : [{ took: Math.max((to - from) / 1000, 0), way }];
  });
  if (those.length === 0) return h("p", { class: "soft" }, t("no_documents"));
  const sorted = those.map((one) => one.took).sort((a, b) => a - b);
  const most = Math.max(sorted[sorted.length - 1], 1);
  const middle = sorted[Math.floor(sorted.length / 2)];
  const x = (/** @type {number} */ at) => 8 + (those.length === 1 ? 152 : (at * 304) / (those.length - 1));
  const y = (/** @type {number} */ took) => 70 - (took / most) * 60;
  const label = t("ways_words", {
    n: those.length,
    median: length(middle),
    most: length(sorted[sorted.length - 1]),
    last: length(those[those.length - 1].took),
  });
  return h(
    "figure",
    { class: "ways" },
    h(
      "svg",
      { viewBox: "0 0 320 80", role: "img", "aria-label": label },
      h("path", { d: `M4 ${y(most)}H316M4 70H316`, class: "grid" }),
      h("path", { d: `M4 ${y(middle)}H316`, class: "median" }),
      h("polyline", { points: those.map((one, at) => `${x(at)},${y(one.took)}`).join(" "), class: "line" }),
      those.map((one, at) =>
        h("circle", {
          key: at,
          cx: x(at),
          cy: y(one.took),
          r: 3.5,
          class: one.way.published_at ? "dot" : "dot unpublished",
        }),
      ),
    ),
    h("figcaption", null, label),
  );
}
