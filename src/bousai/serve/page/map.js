// The map: MapLibre GL JS over our own layers, with no other server. What is drawn here stands in the lists too.

import * as api from "./api.js";
import * as details from "./details.js";
import * as panel from "./panel.js";
import * as scale from "./scale.js";
import * as state from "./state.js";
import { number, pick, t } from "./words.js";

/** @typedef {import("./api.js").Layer} Layer @typedef {import("./api.js").Feature} Feature */

const JAPAN = [122.5, 24, 148.5, 46];
const NOTHING = { type: "FeatureCollection", features: [] };
const GSI = "https://cyberjapandata.gsi.go.jp/xyz/pale/{z}/{x}/{y}.png";
/** Features of a large layer that are drawn at once, and the zoom from which they are asked. */
const IN_VIEW = 2000;
const FROM_ZOOM = { point: 9, line: 9, polygon: 11, none: 22 };
const FONT = ["sans-serif"];
/** Publishers that are named on the map itself. */
const CREDITED = 4;
/** The line that names them. */
const credits = panel.make("div", "maplibregl-ctrl maplibregl-ctrl-attrib credits");

/** @type {any} */
let map;
/** @type {any} */
let maplibre;
/** Layers that are on the map: id → what has to be done to take one off. @type {Map<string, AbortController>} */
const drawn = new Map();
/**
 * What the reader should know of each layer on the map: it is asked for, it could not be had, it wants a nearer view,
 * a part of it is drawn, some of it has no place, some of it is too old to be news.
 * @typedef {{waits?: boolean, failed?: boolean, zoom?: boolean, cut?: [number, number], placeless?: number,
 *   older?: number}} Told
 */
/** @type {Map<string, Told>} */
const told = new Map();
/** Layers that have turned out to be large at the time that is shown. @type {Set<string>} */
const large = new Set();
/** The municipality that is chosen and has no area here. @type {string | null} */
let nowhere = null;
/** Features on the map, to be found again by layer and number. @type {Map<string, Feature[]>} */
const features = new Map();
/** Features that have just the same area, by layer: the gravest of them is drawn, all of them can be pointed at. */
/** @type {Map<string, Map<string, number[]>>} */
const stacks = new Map();
/** Which groups lie on top where areas meet, and where the sign of each stands, so that none hides another. */
const OVER = [
  "other",
  "observations",
  "hazards",
  "situation",
  "damage",
  "lifelines",
  "events",
  "shelters",
  "warnings",
  "orders",
];
/** @type {Record<string, [number, number]>} */
const BESIDE = { orders: [-24, 0], lifelines: [24, 0], events: [0, -24], damage: [24, -24] };

/** @param {HTMLElement} element */
export async function mount(element) {
  say(t("map_loading"));
  await Promise.all([style("vendor/maplibre-gl.css"), script("vendor/maplibre-gl.js"), script("vendor/pmtiles.js")]);
  maplibre = /** @type {any} */ (window).maplibregl;
  const tiles = new /** @type {any} */ (window).pmtiles.Protocol();
  maplibre.addProtocol("pmtiles", tiles.tile);
  const { view } = state.get();
  try {
    map = new maplibre.Map({
      container: element,
      style: ground(),
      ...(view
        ? { center: [view[0], view[1]], zoom: view[2] }
        : {
            bounds: home(),
            fitBoundsOptions: { padding: { top: 48, left: 24, right: 56, bottom: 88 }, maxZoom: 11 },
          }),
      localIdeographFontFamily: scale.FONT,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      rollEnabled: false,
      maxPitch: 0,
      minZoom: 3,
      maxZoom: 18,
      fadeDuration: 0,
      // What is drawn is to be on paper too.
      canvasContextAttributes: { preserveDrawingBuffer: true },
      // With one finger a page is scrolled, and on a phone the map fills its width.
      cooperativeGestures: window.matchMedia("(pointer: coarse)").matches,
      locale: locale(),
    });
  } catch {
    say(t("map_no_webgl"));
    return;
  }
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
  map.addControl({ onAdd: homeButton, onRemove() {} }, "top-right");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 120 }), "bottom-left");
  map.addControl(new maplibre.AttributionControl({ compact: false }), "bottom-right");
  map.addControl({ onAdd: background, onRemove() {} }, "bottom-left");
  map.addControl({ onAdd: () => credits, onRemove() {} }, "bottom-right");
  controls();
  map.on("styleimagemissing", (/** @type {{id: string}} */ event) => image(event.id));
  map.on("error", (/** @type {{error: Error}} */ event) => console.warn(event.error?.message));
  await map.once("load");
  await land();
  map.on("moveend", moved);
  map.on("click", clicked);
  map.on("mousemove", hover);
  state.subscribe(changed);
  document.addEventListener("bousai:published", () => draw(true));
  document.addEventListener("bousai:again", () => retry());
  await draw(false);
  if (state.get().muni && !view) await frame(state.get().muni);
  else outline(state.get().muni);
  element.dataset.ready = "true";
}

/** What the library says by itself. */
function locale() {
  return {
    "NavigationControl.ZoomIn": t("zoom_in_button"),
    "NavigationControl.ZoomOut": t("zoom_out_button"),
    "CooperativeGesturesHandler.WindowsHelpText": t("map_wheel"),
    "CooperativeGesturesHandler.MacHelpText": t("map_wheel"),
    "CooperativeGesturesHandler.MobileHelpText": t("map_fingers"),
    "Map.Title": t("map_label"),
  };
}

/** The words of the controls in the language of the page. */
function controls() {
  const all = /** @type {HTMLElement} */ (map.getContainer());
  const name = (/** @type {string} */ selector, /** @type {string} */ words_) => {
    const one = all.querySelector(selector);
    one?.setAttribute("aria-label", words_);
    if (one?.hasAttribute("title")) one.setAttribute("title", words_);
  };
  name("canvas", t("map_label"));
  name(".maplibregl-ctrl-zoom-in", t("zoom_in_button"));
  name(".maplibregl-ctrl-zoom-out", t("zoom_out_button"));
  name(".home", t("home_button"));
  const label = all.querySelector(".background label");
  label?.setAttribute("title", t("basemap_note"));
  const said = label?.querySelector("span");
  if (said) said.textContent = t("basemap");
}

/** The style without any layer: sea, and land where we know it. */
function ground() {
  return {
    version: 8,
    sources: {
      land: { type: "geojson", data: NOTHING, attribution: t("land_credit") },
      chosen: { type: "geojson", data: NOTHING },
      selected: { type: "geojson", data: NOTHING },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": "#cfdde8" } },
      { id: "chosen", type: "line", source: "chosen", paint: { "line-color": "#0b5cab", "line-width": 3 } },
      {
        id: "selected-line",
        type: "line",
        source: "selected",
        paint: { "line-color": "#000000", "line-width": 4, "line-dasharray": [2, 1] },
      },
      {
        id: "selected-point",
        type: "circle",
        source: "selected",
        filter: ["==", ["geometry-type"], "Point"],
        paint: {
          "circle-radius": 15,
          "circle-color": "rgba(0,0,0,0)",
          "circle-stroke-color": "#000000",
          "circle-stroke-width": 3,
        },
      },
    ],
  };
}

/** Coast and boundaries of municipalities, from our own layer: its tiles, all of it, or what is in view. */
async function land() {
  const layer = api.layer("municipality");
  if (!layer?.count) return;
  const inTiles = layer.tiles ? { "source-layer": "municipality" } : {};
  if (layer.tiles) {
    map.addSource("land-tiles", { type: "vector", url: `pmtiles://${state.base}${layer.tiles}` });
  }
  const source = layer.tiles ? "land-tiles" : "land";
  map.addLayer({ id: "land", type: "fill", source, ...inTiles, paint: { "fill-color": "#f6f4ef" } }, "chosen");
  map.addLayer(
    {
      id: "boundary",
      type: "line",
      source,
      ...inTiles,
      paint: { "line-color": "#8b8f94", "line-width": ["interpolate", ["linear"], ["zoom"], 5, 0.3, 10, 1] },
    },
    "chosen",
  );
  map.addLayer(
    {
      id: "names",
      type: "symbol",
      source,
      ...inTiles,
      minzoom: 8.5,
      layout: {
        "text-field": ["get", "name"],
        "text-font": FONT,
        "text-size": 12,
        "text-max-width": 8,
        "text-anchor": "top",
      },
      paint: { "text-color": "#33404d", "text-halo-color": "#ffffff", "text-halo-width": 1.6 },
    },
    "chosen",
  );
  if (!layer.tiles) await landHere(layer);
}

/** @param {Layer} layer */
async function landHere(layer) {
  try {
    const small = layer.bytes !== null && layer.bytes < 1_000_000 && layer.file;
    if (!small && map.getZoom() < 7) return;
    const found = await api.ground(layer, small ? {} : { bbox: box(), limit: 300 });
    map.getSource("land").setData({ type: "FeatureCollection", features: found.features });
  } catch (error) {
    console.warn(error);
  }
}

/** @param {import("./state.js").State} now @param {import("./state.js").State} before */
function changed(now, before) {
  if (now.at !== before.at || now.known !== before.known) draw(true);
  else if (now.layers !== before.layers) draw(false);
  if (now.lang !== before.lang) {
    controls();
    words();
  }
  if (now.muni !== before.muni) frame(now.muni);
  if (now.selected !== before.selected) mark(now.selected);
  if (now.view && JSON.stringify(now.view) !== JSON.stringify(here()))
    map.jumpTo({ center: now.view.slice(0, 2), zoom: now.view[2] });
}

/** Bring the layers on the map to those that are ticked. @param {boolean} anew everything is asked again */
async function draw(anew) {
  if (anew) large.clear();
  const wanted = panel.shown().filter((id) => api.layer(id));
  for (const id of [...drawn.keys()]) if (anew || !wanted.includes(id)) remove(id);
  // The first in the list lies on top, points over lines over areas.
  const order = { point: 2, line: 1, polygon: 0, none: 0 };
  const kind = (/** @type {string} */ id) => /** @type {keyof typeof order} */ (api.layer(id)?.geometry ?? "none");
  const weight = (/** @type {string} */ id) => OVER.indexOf(api.layer(id)?.group ?? "");
  const sorted = [...wanted]
    .reverse()
    .sort((one, other) => order[kind(one)] - order[kind(other)] || weight(one) - weight(other));
  for (const id of sorted) if (!drawn.has(id)) add(/** @type {Layer} */ (api.layer(id)), above(id, sorted));
  await Promise.all(sorted.map((id) => load(/** @type {Layer} */ (api.layer(id)))));
  words();
  mark(state.get().selected);
}

/** The first style layer of the next layer above `id` that is drawn. @param {string} id @param {string[]} sorted */
function above(id, sorted) {
  const area = (/** @type {string} */ one) => api.layer(one)?.geometry === "polygon";
  for (const next of sorted.slice(sorted.indexOf(id) + 1).filter((one) => area(one) === area(id))) {
    const there = map.getStyle().layers.find((/** @type {{id: string}} */ one) => one.id.startsWith(`${next}/`));
    if (there) return there.id;
  }
  // Areas lie under boundaries and names, all else above them.
  return area(id) && map.getLayer("boundary") ? "boundary" : "chosen";
}

/** @param {string} id */
function remove(id) {
  drawn.get(id)?.abort();
  drawn.delete(id);
  told.delete(id);
  features.delete(id);
  stacks.delete(id);
  for (const one of map.getStyle().layers) if (one.id.startsWith(`${id}/`)) map.removeLayer(one.id);
  if (map.getSource(id)) map.removeSource(id);
}

/** Add a layer's source and style, still without features. @param {Layer} layer @param {string} before */
function add(layer, before) {
  drawn.set(layer.id, new AbortController());
  if (layer.geometry === "none") return;
  const tiled = usesTiles(layer);
  map.addSource(
    layer.id,
    tiled
      ? { type: "vector", url: `pmtiles://${state.base}${layer.tiles}` }
      : { type: "geojson", data: NOTHING, promoteId: "n" },
  );
  const step = tiled ? scale.stepExpression(layer) : ["get", "s"];
  const pictured = (/** @type {string} */ kind) => ["concat", `${kind}/${layer.id}/`, ["to-string", step]];
  const colours = scale.steps(layer).map((one) => one.colour);
  const colour =
    colours.length === 1
      ? colours[0]
      : ["match", step, ...colours.slice(0, -1).flatMap((one, at) => [at, one]), colours.at(-1)];
  const ranks = scale.steps(layer).map((one) => one.rank);
  const rank =
    ranks.length === 1 ? 0 : ["match", step, ...ranks.slice(0, -1).flatMap((one, at) => [at, one]), ranks.at(-1)];
  const from = { source: layer.id, ...(tiled && { "source-layer": layer.id }) };
  const put = (/** @type {Record<string, any>} */ one, under = before) =>
    map.addLayer({ ...from, ...one, id: `${layer.id}/${one.id}` }, under);
  const area = ["==", ["geometry-type"], "Polygon"];
  const line = ["==", ["geometry-type"], "LineString"];
  const point = ["==", ["geometry-type"], "Point"];
  put({
    id: "fill",
    type: "fill",
    filter: tiled ? area : ["all", area, ["get", "top"]],
    layout: { "fill-sort-key": rank },
    paint: { "fill-pattern": pictured("area"), "fill-opacity": 0.85 },
  });
  put({
    id: "edge",
    type: "line",
    filter: area,
    layout: { "line-sort-key": rank },
    paint: { "line-color": "#2b2b2b", "line-width": 0.8, "line-opacity": 0.8 },
  });
  put({ id: "casing", type: "line", filter: line, paint: { "line-color": "#ffffff", "line-width": 7 } });
  put({
    id: "line",
    type: "line",
    filter: line,
    layout: { "line-sort-key": rank },
    paint: { "line-color": colour, "line-width": 4 },
  });
  // A dot for each point, however near they are; signs where there is room.
  put({
    id: "dot",
    type: "circle",
    filter: point,
    layout: { "circle-sort-key": rank },
    paint: { "circle-color": colour, "circle-radius": 5, "circle-stroke-color": "#3a3a3a", "circle-stroke-width": 1 },
  });
  const placed = { "icon-image": pictured("sign"), "icon-padding": 1, "symbol-sort-key": ["-", 0, rank] };
  put({
    id: "sign",
    type: "symbol",
    filter: ["any", point, line],
    layout: { ...placed, "icon-ignore-placement": false },
  });
  if (colours.length > 1) {
    // Above the names, which stand below them.
    const over = { ...placed, "icon-anchor": "bottom", "icon-offset": BESIDE[layer.group] ?? [0, 0] };
    put(
      {
        id: "areasign",
        type: "symbol",
        filter: tiled ? area : ["all", area, ["get", "top"]],
        minzoom: 7,
        layout: over,
      },
      "chosen",
    );
  }
}

/** @param {Layer} layer */
function usesTiles(layer) {
  const { at, known } = state.get();
  return Boolean(layer.tiles) && !at && !known;
}

/** Fetch what a layer shows and put it on the map. @param {Layer} layer */
async function load(layer) {
  if (!drawn.has(layer.id) || usesTiles(layer)) return;
  // How much there was at another time is known when it was asked for: a part of it, as long as that may be all.
  const { at, known } = state.get();
  const whole = api.isSmall(layer) && !large.has(layer.id);
  if (!whole && map.getZoom() < FROM_ZOOM[/** @type {keyof typeof FROM_ZOOM} */ (layer.geometry)]) {
    drawn.get(layer.id)?.abort();
    fill(layer, []);
    told.set(layer.id, { zoom: true });
    return;
  }
  if (whole && features.has(layer.id)) return;
  drawn.get(layer.id)?.abort();
  const running = new AbortController();
  drawn.set(layer.id, running);
  told.set(layer.id, { waits: true });
  words();
  try {
    const only = whole
      ? at || known
        ? { limit: IN_VIEW, signal: running.signal }
        : {}
      : { bbox: box(), limit: IN_VIEW, signal: running.signal };
    const found = await api.features(layer, only);
    if (running.signal.aborted) return;
    if (whole && found.features.length < found.matched) {
      large.add(layer.id);
      await load(layer);
      return;
    }
    const cut = found.features.length < found.matched;
    told.set(layer.id, {
      ...fill(layer, found.features),
      ...(cut && { cut: [found.features.length, found.matched] }),
    });
  } catch (error) {
    if (running.signal.aborted) return;
    told.set(layer.id, { failed: true });
    console.warn(error);
  } finally {
    words();
  }
}

/** Ask again for what could not be had. */
function retry() {
  for (const [id, of] of told) {
    const layer = of.failed && api.layer(id);
    if (layer) load(layer);
  }
}

/** Draw features. Returns of how many of those that are wanted the map has nothing. @param {Layer} layer @param {Feature[]} found */
function fill(layer, found) {
  const where = Object.entries(layer.where);
  const wanted = found.filter((one) => where.every(([name, value]) => one.properties[name] === value));
  const news = wanted.filter((one) => isNews(layer, one));
  const placed = news.filter((one) => one.geometry);
  features.set(layer.id, placed);
  const steps = placed.map((one) => scale.stepOf(layer, one.properties));
  const ranks = scale.steps(layer).map((one) => one.rank);
  /** @type {Map<string, number[]>} */
  const same = new Map();
  for (const [n, { geometry }] of placed.entries()) {
    const key = JSON.stringify(geometry);
    same.set(key, [...(same.get(key) ?? []), n]);
  }
  stacks.set(layer.id, new Map([...same.values()].flatMap((all) => all.map((n) => [String(n), all]))));
  const tops = new Set(
    [...same.values()].map((all) => all.reduce((a, b) => (ranks[steps[b]] > ranks[steps[a]] ? b : a))),
  );
  map.getSource(layer.id)?.setData({
    type: "FeatureCollection",
    features: placed.map((one, n) => ({
      type: "Feature",
      id: n,
      geometry: one.geometry,
      properties: { n, s: steps[n], top: tops.has(n) },
    })),
  });
  const [older, placeless] = [wanted.length - news.length, news.length - placed.length];
  return { ...(older && { older }), ...(placeless && { placeless }) };
}

/** Whether something is young enough for the map: an earthquake has no end of its own. @param {Layer} layer @param {Feature} one */
function isNews(layer, one) {
  if (!layer.recent) return true;
  const then = state.get().at;
  const from = (then === null ? api.now() : Date.parse(then)) - layer.recent.days * 86_400_000;
  const at = one.properties[layer.recent.by] ?? one.properties.issued_at;
  return !at || Date.parse(at) >= from;
}

/** What the reader should know of what is drawn. */
function words() {
  const title = (/** @type {string} */ id) => pick(/** @type {Layer} */ (api.layer(id)).title);
  const titles = (/** @type {"waits" | "zoom"} */ what) =>
    [...told].flatMap(([id, of]) => (of[what] ? [title(id)] : [])).join(t("list_comma"));
  const counts = (/** @type {"placeless" | "older"} */ what) =>
    [...told].flatMap(([id, of]) => (of[what] ? [t("map_count", { layer: title(id), n: number(of[what]) })] : []));
  const lines = [];
  if (titles("waits")) lines.push(t("map_waits", { layers: titles("waits") }));
  if (titles("zoom")) lines.push(t("map_zoom_in", { layers: titles("zoom") }));
  for (const [id, { cut, failed }] of told) {
    const layer = title(id);
    if (cut) lines.push(t("map_cut", { layer, n: number(cut[0]), of: number(cut[1]) }));
    if (failed) lines.push(t("map_layer_failed", { layer }));
  }
  const [placeless, older] = [counts("placeless"), counts("older")].map((one) => one.join(t("list_comma")));
  if (placeless) lines.push(t("map_placeless", { layers: placeless }));
  if (older) lines.push(t("map_older", { layers: older }));
  if (nowhere) lines.push(t("map_muni_nowhere"));
  say(lines.join("\n"));
  credit();
}

/** Whose the layers on the map are, as far as there is room; each one's own lines stand in the list of layers. */
function credit() {
  const feeds = [...drawn.keys()].flatMap((id) => api.layer(id)?.feeds ?? []);
  const names = [...new Set(feeds.map((id) => api.known().feeds[id]?.publisher).filter(Boolean))];
  const more = names.length - CREDITED;
  const text = names.slice(0, CREDITED).join(t("list_comma")) + (more > 0 ? t("map_credits_more", { n: more }) : "");
  const said = names.length ? t("map_credits", { names: text }) : "";
  if (credits.textContent !== said) credits.textContent = said;
}

/** @param {string} text */
function say(text) {
  const place = document.getElementById("map-words");
  if (place && place.textContent !== text) place.textContent = text;
}

function here() {
  const { lng, lat } = map.getCenter();
  return [Number(lng.toFixed(4)), Number(lat.toFixed(4)), Number(map.getZoom().toFixed(2))];
}

function box() {
  const bounds = map.getBounds();
  return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
}

async function moved() {
  state.set({ view: /** @type {[number, number, number]} */ (here()) });
  const layer = api.layer("municipality");
  if (layer?.count && !layer.tiles && !(layer.bytes !== null && layer.bytes < 1_000_000)) landHere(layer);
  await Promise.all([...drawn.keys()].map((id) => load(/** @type {Layer} */ (api.layer(id)))));
  words();
}

/** The layers on the map that can be pointed at. */
function pointable() {
  return map
    .getStyle()
    .layers.map((/** @type {{id: string}} */ one) => one.id)
    .filter((/** @type {string} */ id) => id.includes("/") && !id.endsWith("/casing"));
}

/** @param {{point: {x: number, y: number}}} event */
function under(event) {
  const { x, y } = event.point;
  const around = [
    [x - 4, y - 4],
    [x + 4, y + 4],
  ];
  const found = new Map();
  for (const one of map.queryRenderedFeatures(around, { layers: pointable() })) {
    const layer = api.layer(one.layer.id.split("/")[0]);
    if (!layer) continue;
    const all = usesTiles(layer)
      ? [one]
      : (stacks.get(layer.id)?.get(String(one.properties.n)) ?? []).map((n) => features.get(layer.id)?.[n]);
    for (const feature of all) {
      if (!feature) continue;
      const id = String(feature.properties.id ?? feature.id);
      found.set(`${layer.id}/${id}`, { layer, id, properties: feature.properties });
    }
  }
  return [...found.values()];
}

/** @param {any} event */
function clicked(event) {
  const found = under(event);
  if (found.length === 1) details.select(found[0].layer.id, found[0].id);
  else if (found.length > 1) details.choose(found.slice(0, 100));
}

/** @param {any} event */
function hover(event) {
  map.getCanvas().style.cursor = under(event).length ? "pointer" : "";
}

/** Mark the feature whose details are open. @param {string | null} selected */
function mark(selected) {
  const [layer, ...rest] = (selected ?? "").split("/");
  const feature = features.get(layer)?.find((one) => one.id === rest.join("/"));
  map
    .getSource("selected")
    .setData(feature?.geometry ? { type: "Feature", properties: {}, geometry: feature.geometry } : NOTHING);
}

/** Outline a municipality. Returns its areas. @param {string | null} code @returns {Promise<Feature[]>} */
async function outline(code) {
  const layer = api.layer("municipality");
  const found = code && layer ? await api.ground(layer, { muni: code, limit: 50 }).catch(() => null) : null;
  const areas = (found?.features ?? []).filter((one) => one.geometry);
  map.getSource("chosen").setData({ type: "FeatureCollection", features: areas });
  nowhere = code && found && areas.length === 0 ? code : null;
  words();
  return areas;
}

/** Show a municipality. @param {string | null} code */
async function frame(code) {
  const bounds = new maplibre.LngLatBounds();
  for (const { geometry } of await outline(code)) extend(bounds, /** @type {any} */ (geometry)?.coordinates);
  if (!bounds.isEmpty()) fit(bounds);
}

/** @param {any} bounds @param {any} coordinates */
function extend(bounds, coordinates) {
  if (typeof coordinates?.[0] === "number") bounds.extend(coordinates);
  else for (const one of coordinates ?? []) extend(bounds, one);
}

/** @param {any} bounds */
function fit(bounds) {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  map.fitBounds(bounds, {
    padding: { top: 48, left: 24, right: 56, bottom: 88 },
    maxZoom: 13,
    animate: !still,
    duration: 600,
  });
}

/** Where there is something: the box of the layers that are shown. */
function home() {
  const boxes = panel
    .shown()
    .map((id) => api.layer(id))
    .filter((one) => one?.count && one.bbox)
    .map((one) => /** @type {number[]} */ (one?.bbox));
  const near = boxes.filter(
    ([w, s, e, n]) => w >= JAPAN[0] - 6 && s >= JAPAN[1] - 6 && e <= JAPAN[2] + 10 && n <= JAPAN[3] + 6,
  );
  if (near.length === 0) return JAPAN;
  return near.reduce((one, other) => [
    Math.min(one[0], other[0]),
    Math.min(one[1], other[1]),
    Math.max(one[2], other[2]),
    Math.max(one[3], other[3]),
  ]);
}

function homeButton() {
  const group = panel.make("div", "maplibregl-ctrl maplibregl-ctrl-group");
  const button = /** @type {HTMLButtonElement} */ (panel.make("button", "home", "⌂"));
  button.type = "button";
  button.title = t("home_button");
  button.setAttribute("aria-label", t("home_button"));
  button.addEventListener("click", () => fit(home()));
  group.append(button);
  return group;
}

/** The switch for 地理院タイル: the only thing on this page that asks another server, and only when it is on. */
function background() {
  const group = panel.make("div", "maplibregl-ctrl maplibregl-ctrl-group background");
  const label = panel.make("label");
  const tick = /** @type {HTMLInputElement} */ (panel.make("input"));
  tick.type = "checkbox";
  tick.id = "gsi";
  tick.addEventListener("change", () => gsi(tick.checked));
  label.title = t("basemap_note");
  label.append(tick, panel.make("span", "", t("basemap")));
  group.append(label);
  return group;
}

/** @param {boolean} on */
function gsi(on) {
  if (map.getLayer("gsi")) map.removeLayer("gsi");
  if (map.getSource("gsi")) map.removeSource("gsi");
  for (const id of ["land", "names"])
    if (map.getLayer(id)) map.setLayoutProperty(id, "visibility", on ? "none" : "visible");
  if (!on) return;
  map.addSource("gsi", {
    type: "raster",
    tiles: [GSI],
    tileSize: 256,
    minzoom: 5,
    maxzoom: 18,
    attribution: '<a href="https://maps.gsi.go.jp/development/ichiran.html">地理院タイル（淡色地図）</a>',
  });
  const first = map.getStyle().layers[1].id;
  map.addLayer({ id: "gsi", type: "raster", source: "gsi" }, first);
}

/** Draw an image that the style asks for: "area/<layer>/<step>" or "sign/<layer>/<step>". @param {string} id */
function image(id) {
  const [kind, layerId, at] = id.split("/");
  const layer = api.layer(layerId);
  const step = layer && scale.steps(layer)[Number(at)];
  if (!layer || !step || map.hasImage(id)) return;
  const ratio = 2;
  if (kind === "sign") {
    const canvas = scale.sign(step, layer.geometry === "polygon" ? "line" : layer.geometry, ratio);
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    map.addImage(id, pen.getImageData(0, 0, canvas.width, canvas.height), { pixelRatio: ratio });
    return;
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 12 * ratio;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  scale.fillPattern(pen, step, canvas.width);
  map.addImage(id, pen.getImageData(0, 0, canvas.width, canvas.height), { pixelRatio: ratio });
}

/** @param {string} path */
function script(path) {
  return new Promise((resolve, reject) => {
    const one = document.createElement("script");
    one.src = new URL(path, import.meta.url).href;
    one.onload = resolve;
    one.onerror = () => reject(new Error(`${path} could not be loaded`));
    document.head.append(one);
  });
}

/** @param {string} path */
function style(path) {
  return new Promise((resolve, reject) => {
    const one = document.createElement("link");
    one.rel = "stylesheet";
    one.href = new URL(path, import.meta.url).href;
    one.onload = resolve;
    one.onerror = () => reject(new Error(`${path} could not be loaded`));
    document.head.prepend(one);
  });
}
