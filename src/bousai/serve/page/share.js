// What is on the screen, to give to others: the link to this view, addresses of its data, a print.

import * as api from "./api.js";
import * as state from "./state.js";
import { pick, t } from "./words.js";

/** @param {HTMLElement} place */
export function mount(place) {
  const dialog = document.createElement("dialog");
  dialog.id = "share-dialog";
  dialog.setAttribute("aria-labelledby", "share-title");
  const button = document.createElement("button");
  button.type = "button";
  const print = document.createElement("button");
  print.type = "button";
  print.addEventListener("click", () => window.print());
  const help = document.createElement("a");
  const say = () => {
    button.textContent = t("share");
    print.textContent = t("print");
    help.textContent = t("help");
    help.href = `${state.base}help?lang=${state.get().lang}`;
  };
  say();
  state.subscribe((now, before) => {
    if (now.lang !== before.lang) say();
  });
  button.addEventListener("click", () => {
    fill(dialog);
    dialog.showModal();
  });
  place.append(button, print, help);
  document.body.append(dialog);
}

/** @param {HTMLDialogElement} dialog */
function fill(dialog) {
  const title = document.createElement("h2");
  title.id = "share-title";
  title.textContent = t("share");
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = t("close");
  close.addEventListener("click", () => dialog.close());
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  const list = document.createElement("div");
  list.append(row(t("share_link"), location.href, said));
  const { view, muni } = state.get();
  for (const one of shown()) {
    const heading = document.createElement("h3");
    heading.textContent = pick(one.title);
    list.append(heading, row(t("share_all"), api.address(one), said));
    if (muni) list.append(row(t("share_muni"), api.inMuni(one, muni), said));
    if (view) list.append(row(t("share_view"), api.inView(one, box(view)), said));
  }
  const note = document.createElement("p");
  note.textContent = t("share_note");
  dialog.replaceChildren(title, list, note, said, close);
}

/** The layers that are on, as the list of layers says. */
function shown() {
  const { layers } = state.get();
  return api.known().layers.filter((one) => (layers === null ? one.first : layers.includes(one.id)));
}

/** The box that a window of this size shows around a place. @param {[number, number, number]} view */
function box([lon, lat, zoom]) {
  const map = document.getElementById("map");
  const degrees = 360 / (512 * 2 ** zoom);
  const [width, height] = [(map?.clientWidth || 800) * degrees, (map?.clientHeight || 600) * degrees];
  const narrow = Math.cos((lat * Math.PI) / 180);
  return [lon - width / 2, lat - (height / 2) * narrow, lon + width / 2, lat + (height / 2) * narrow];
}

/** An address to copy. @param {string} name @param {string} address @param {HTMLElement} said */
function row(name, address, said) {
  const line = document.createElement("p");
  line.className = "address";
  const label = document.createElement("label");
  const field = document.createElement("input");
  field.readOnly = true;
  field.value = address;
  field.addEventListener("focus", () => field.select());
  label.append(`${name} `, field);
  const copy = document.createElement("button");
  copy.type = "button";
  copy.textContent = t("copy");
  copy.setAttribute("aria-label", `${t("copy")}: ${name}`);
  copy.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(address);
      said.textContent = t("copied");
    } catch {
      said.textContent = t("copy_by_hand"); // without https a browser has no clipboard for pages
    }
  });
  line.append(label, copy);
  return line;
}
