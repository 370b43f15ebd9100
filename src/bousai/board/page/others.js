// Layers, the calendar of what ends and begins, and the system itself.

import { feedOf, known } from "./board.js";
import { delayChart } from "./charts.js";
import { h } from "./dom.js";
import { airflow, outside } from "./links.js";
import { badge, causeAndRemedy, feedName, flatDetail, layerText, none, table, tag, when } from "./parts.js";
import { length, number, pick, said, size, t } from "./words.js";

export function layers() {
  const { layers: all, public_url, map_url } = known();
  const those = [...all].sort(
    (a, b) => Number(b.state === "stale") - Number(a.state === "stale") || (a.layer < b.layer ? -1 : 1),
  );
  return [
    h(
      "div",
      { class: "choices" },
      map_url && outside(map_url, t("open_map"), { class: "button" }),
      outside(`${public_url.replace(/\/$/, "")}/index.json`, t("open_index"), { class: "button" }),
    ),
    those.length === 0
      ? none("layers_none")
      : table(
          t("layers_caption"),
          [["layer"], ["state"], ["because", "wide"], ["published"], ["version"], ["file"]],
          those.map((one) => ({
            key: one.layer,
            cells: [
              [pick(one.title_ja, one.title_en), h("small", null, h("code", null, one.layer))],
              tag(one.state, "layer_"),
              one.sources.length === 0
                ? "—"
                : h(
                    "ul",
                    { class: "plain" },
                    one.sources.map((id) => {
                      const feed = feedOf(id);
                      return h("li", { key: id }, feed && [badge(feed.state), " "], feedName(id));
                    }),
                  ),
              when(one.published_at),
              h("code", null, one.version),
              outside(one.url, t("open_layer")),
            ],
          })),
        ),
  ];
}

export function calendar() {
  // What should have been done first; a day that nobody knows may be past.
  const those = [...known().calendar].sort((a, b) => (a.days ?? 0) - (b.days ?? 0));
  if (those.length === 0) return none("calendar_none");
  return table(
    t("calendar_caption"),
    [["date"], ["days", "days"], ["event", "wide"], ["todo", "wide"], ["source", "short"]],
    those.map((one) => ({
      key: `${one.date} ${one.subject} ${one.event}`,
      cells: [
        pick(one.when_ja, one.when_en),
        days(one.days),
        [
          h("b", null, `${said(`event_${one.event}`, one.event)} `),
          h("code", null, one.subject),
          h("p", null, pick(one.title_ja, one.title_en)),
        ],
        pick(one.remedy_ja, one.remedy_en),
        outside(one.source, t("open_source")),
      ],
    })),
  );
}

/** @param {number | null} n */
function days(n) {
  if (n === null) return h("span", { class: "tag doubtful" }, `▲ ${t("days_unknown")}`);
  if (n < 0) return h("span", { class: "tag bad" }, `✕ ${t("days_past", { n: -n })}`);
  if (n <= 14) return h("span", { class: "tag doubtful" }, `▲ ${t(n === 0 ? "days_today" : "days_left", { n })}`);
  return h("span", { class: "tag" }, t("days_left", { n }));
}

export function system() {
  const { work, parts, failures, stages, version } = known();
  return [
    h("h2", null, t("failures", { n: failures.length })),
    failures.length === 0
      ? none("failures_none")
      : table(
          t("failures_caption"),
          [["task"], ["outcome"], ["cause", "wide"], ["stale_by_it"], ["at"]],
          failures.map((one) => ({
            key: `${one.dag_id} ${one.task_id} ${one.run_id}`,
            cells: [
              [
                airflow(runPath(one), one.task_id ? `${one.dag_id} / ${one.task_id}` : one.dag_id),
                h("small", null, h("code", null, one.run_id)),
              ],
              tag(one.outcome, "outcome_"),
              causeAndRemedy(one.cause, one.remedy),
              layerText(one.stale ?? []) || "—",
              when(one.at),
            ],
          })),
        ),
    h("h2", null, t("work")),
    table(
      t("work_caption"),
      [["verb"], ["outcome"], ["last"], ["seconds", "number"], ["detail", "wide"]],
      Object.entries(work).map(([verb, one]) => ({
        key: verb,
        cells: [
          [said(`verb_${verb}`, verb), h("small", null, h("code", null, verb))],
          one ? tag(one.outcome, "outcome_") : "—",
          when(one?.last_at ?? null),
          one ? length(one.seconds) : "—",
          h("code", null, flatDetail(one?.detail)),
        ],
      })),
    ),
    h("h2", null, t("delay_all")),
    delayChart(stages),
    h("h2", null, t("parts")),
    parts === null ? none("parts_unknown") : running(parts),
    h("p", { class: "soft" }, `bousai ${version}`),
  ];
}

/** A run that did not end in time has no task that failed. @param {import("./board.js").Failure} one */
function runPath(one) {
  const run = `dags/${encodeURIComponent(one.dag_id)}/runs/${encodeURIComponent(one.run_id)}`;
  return one.task_id ? `${run}/tasks/${encodeURIComponent(one.task_id)}` : run;
}

/** @param {import("./board.js").Part[]} parts */
function running(parts) {
  const sum = parts.reduce((all, one) => all + (one.pss ?? 0), 0);
  const most = Math.max(...parts.map((one) => one.pss ?? 0), 1);
  return [
    table(
      t("parts_caption"),
      [["part"], ["state"], ["since_when"], ["restarts", "number"], ["memory", "wide"]],
      parts.map((one) => ({
        key: one.name,
        cells: [
          h("code", null, one.name),
          tag(one.state, "part_"),
          when(one.since),
          number(one.restarts),
          one.pss === null
            ? t("unknown")
            : [
                size(one.pss),
                h(
                  "svg",
                  { viewBox: "0 0 160 8", width: 160, height: 8, "aria-hidden": "true", class: "memory" },
                  h("rect", { x: 0, y: 0, width: (one.pss / most) * 160, height: 8 }),
                ),
              ],
        ],
      })),
    ),
    h("p", null, t("memory_sum", { size: size(sum) })),
  ];
}
