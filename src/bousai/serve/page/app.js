// Puts the page together: words and layers first, then list, details and table, and the map last, because it is heavy.

import * as api from "./api.js";
import * as details from "./details.js";
import * as panel from "./panel.js";
import * as state from "./state.js";
import { ago, fill, htmlLang, load, t, time } from "./words.js";

/** Parts with `mount(element)` and the id of their element, in the order in which they are wanted. */
/** @type {[string, () => Promise<{mount: (element: HTMLElement) => unknown}>][]} */
const PARTS = [
  ["clock", () => import("./clock.js")],
  ["situation-body", () => import("./situation.js")],
  ["share", () => import("./share.js")],
];

const AGAIN_MS = 60_000;

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

async function start() {
  await Promise.all([load(), api.layers()]);
  language();
  languages();
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      if (target.nodeType === Node.TEXT_NODE) foreign(target);
      for (const one of addedNodes) foreign(one);
    }
  }).observe(document.body, { childList: true, characterData: true, subtree: true });
  asOf();
  panel.mount(element("layers"), element("search"));
  details.mount(element("details"), element("details-body"));
  for (const [id, part] of PARTS)
    part()
      .then((one) => one.mount(element(id)))
      .catch(failed);
  // After the first paint: whoever reads the list and the table does not wait for the map.
  requestAnimationFrame(() => setTimeout(drawMap));
  setInterval(again, AGAIN_MS);
}

/** The map; where a part of it cannot be had, that is said, with a way to try again. */
async function drawMap() {
  const said = element("map-words");
  try {
    const map = await import("./map.js");
    await map.mount(element("map"));
  } catch (error) {
    console.error(error);
    const again_ = document.createElement("button");
    again_.type = "button";
    again_.textContent = t("try_again");
    again_.addEventListener("click", () => location.reload());
    said.replaceChildren(`${t("part_failed")} `, again_);
  }
}

/** Words, title and language of the page. */
function language() {
  document.documentElement.lang = htmlLang();
  document.title = (state.get().status === "exercise" ? "【訓練】" : "") + t("page_title");
  fill(document);
  foreign(document.body);
}

function languages() {
  const group = element("languages");
  group.hidden = false;
  for (const [lang, name, code] of [
    ["ja", "日本語", "ja"],
    ["easy", "やさしい日本語", "ja"],
    ["en", "English", "en"],
  ]) {
    const button = document.createElement("button");
    button.type = "button";
    button.lang = code;
    button.textContent = name;
    button.dataset.lang = lang;
    button.addEventListener("click", () => state.set({ lang: /** @type {"ja" | "en" | "easy"} */ (lang) }));
    group.append(button);
  }
  const press = () => {
    for (const one of group.querySelectorAll("button")) {
      one.setAttribute("aria-pressed", String(one.dataset.lang === state.get().lang));
    }
  };
  press();
  state.subscribe((now, before) => {
    if (now.lang === before.lang) return;
    press();
    language();
    asOf();
  });
}

/**
 * On a page in English the words of the sources are still Japanese, and marked as such: a screen reader would spell
 * them out in English (WCAG 2.2, 3.1.2).
 * @param {Node} root
 */
function foreign(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let one = root.nodeType === Node.TEXT_NODE ? root : texts.nextNode(); one; one = texts.nextNode()) {
    const parent = one.parentElement;
    if (!parent) continue;
    const marked = "foreign" in parent.dataset;
    const wanted = htmlLang() === "en" && /[\u3040-\u30ff\u3400-\u9fff]/.test(one.nodeValue ?? "");
    if (wanted && !parent.lang) {
      parent.lang = "ja";
      parent.dataset.foreign = "";
    } else if (marked && !wanted) {
      parent.removeAttribute("lang");
      delete parent.dataset.foreign;
    }
  }
}

/** When what is shown was published, and how long ago that is. */
function asOf() {
  const { published_at: at } = api.known();
  const place = element("asof");
  place.replaceChildren();
  if (!at) {
    place.textContent = t("nothing_published");
    return;
  }
  const label = document.createElement("span");
  label.textContent = t("published");
  const stamp = document.createElement("time");
  stamp.dateTime = at;
  stamp.textContent = time(at);
  const age = document.createElement("strong");
  age.textContent = ago(at);
  const old = api.now() - Date.parse(at) > 15 * 60_000;
  age.className = old ? "old" : "";
  place.append(label, " ", stamp, " ", age);
  if (old) place.append(" ", t("published_old"));
}

/** What is shown is asked for again, unless it is a picture of a time that has passed or nobody looks. */
async function again() {
  if (document.hidden) return;
  try {
    const before = api
      .known()
      .layers.map((one) => one.version)
      .join();
    await api.layers();
    element("notice").textContent = "";
    panel.refresh();
    document.dispatchEvent(new CustomEvent("bousai:again"));
    if (
      before !==
      api
        .known()
        .layers.map((one) => one.version)
        .join()
    ) {
      document.dispatchEvent(new CustomEvent("bousai:published"));
    }
  } catch {
    element("notice").textContent = t("offline");
  }
  asOf();
}

/** @param {unknown} error */
function failed(error) {
  console.error(error);
  element("notice").textContent = t("part_failed");
}

start().catch((error) => {
  console.error(error);
  element("notice").textContent = has("failed")
    ? t("failed")
    : "情報を読み込めませんでした。ページを再読み込みしてください。 / Could not load. Please reload the page.";
});

/** @param {string} key */
function has(key) {
  return t(key) !== key;
}
