"use strict";

// Every two seconds /metrics and /status.json are asked; rates and times are differences of the last
// answers. What is shown of one metric carries its name and value in data-metric and data-value.

const EVERY_MS = 2000;
const KEPT_MS = 300000;
const CHART_LEAST_MS = 60000;
const RECENT_MS = 10000;
const HISTOGRAM = "vitrine_request_duration_seconds";
const samples = []; // {at, metrics, rate, p50, p99}, the oldest first

// ---- the text format of Prometheus ----

function parseLabels(text) {
  const labels = {};
  for (const [, name, value] of (text || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = JSON.parse(`"${value}"`);
  }
  return labels;
}

function parseMetrics(text) {
  const metrics = new Map();
  for (const line of text.split("\n")) {
    const found = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (found) {
      const [, name, labels, value] = found;
      if (!metrics.has(name)) {
        metrics.set(name, []);
      }
      const key = labels === undefined ? name : `${name}{${labels}}`;
      metrics.get(name).push({key, labels: parseLabels(labels), value: Number(value)});
    }
  }
  return metrics;
}

const all = (metrics, name) => metrics.get(name) || [];
const one = (metrics, name) => all(metrics, name)[0];
const valueOf = (metrics, name) => (one(metrics, name) || {value: NaN}).value;
const sum = (list) => list.reduce((total, sample) => total + sample.value, 0);

// The buckets of the samples that WANTED takes, as [bound, count so far], added up.
function buckets(metrics, wanted) {
  const counts = new Map();
  for (const {labels, value} of all(metrics, `${HISTOGRAM}_bucket`).filter(wanted)) {
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    counts.set(bound, (counts.get(bound) || 0) + value);
  }
  return counts;
}

// Seconds within which PART of the answers were given; NaN without any. Within a bucket: evenly spread.
function quantile(counts, earlier, part) {
  const steps = [...counts].map(([bound, count]) => [bound, count - (earlier.get(bound) || 0)])
    .sort((a, b) => a[0] - b[0]);
  const total = steps.length > 0 ? steps[steps.length - 1][1] : 0;
  let below = [0, 0];
  for (const step of total > 0 ? steps : []) {
    if (step[1] >= total * part) {
      const share = (total * part - below[1]) / (step[1] - below[1] || 1);
      return step[0] === Infinity ? below[0] : below[0] + (step[0] - below[0]) * share;
    }
    below = step;
  }
  return NaN;
}

// ---- values as people read them ----

const whole = (value) => Math.round(value).toLocaleString("en");

function formatTime(seconds) {
  if (!Number.isFinite(seconds)) {
    return "–";
  }
  if (seconds < 0.001) {
    return `${(seconds * 1e6).toPrecision(3).replace(/\.0+$/, "")} µs`;
  }
  return seconds < 1 ? `${(seconds * 1e3).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}

function formatAge(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([unit]) => seconds >= unit);
  if (first < 0) {
    return "0 s";
  }
  let rest = Math.floor(seconds);
  return parts.slice(first, first + 2).map(([unit, name]) => {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    return `${count} ${name}`;
  }).join(" ");
}

function formatBytes(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? whole(bytes) : bytes.toPrecision(3)} ${units[unit]}`;
}

const formatRate = (value) => value >= 100 ? whole(value) : value.toPrecision(2).replace(/\.0$/, "");
const formatWhen = (ms) => new Date(ms).toLocaleString();

// ---- the page ----

const byId = (id) => document.getElementById(id);

function show(element, text, sample) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
  if (sample) {
    element.dataset.metric = sample.key;
    element.dataset.value = sample.value;
  }
}

function make(kind, text, sample, className) {
  const element = document.createElement(kind);
  show(element, text, sample);
  if (className) {
    element.className = className;
  }
  return element;
}

function row(head, cells) {
  const line = document.createElement("tr");
  const first = make("th", head);
  first.scope = "row";
  line.append(first, ...cells);
  return line;
}

function item(name, text, sample, isBad) {
  const group = document.createElement("div");
  group.append(make("dt", name), make("dd", text, sample, isBad ? "bad" : ""));
  return group;
}

function showState(ready, reasons, remarks) {
  const state = byId("state");
  state.dataset.state = ready ? "ready" : "trouble";
  show(state, ready ? "Ready" : "Not ready");
  byId("trouble").hidden = reasons.length + remarks.length === 0;
  byId("reasons").replaceChildren(...[...reasons, ...remarks].map((text) => make("li", text)));
}

function showNow(metrics, now, recent) {
  const seconds = (now.at - recent.at) / 1000;
  const requests = sum(all(metrics, "vitrine_requests_total")) -
    sum(all(recent.metrics, "vitrine_requests_total"));
  const isFailed = ({labels}) => labels.status.startsWith("5");
  const failed = sum(all(metrics, "vitrine_requests_total").filter(isFailed)) -
    sum(all(recent.metrics, "vitrine_requests_total").filter(isFailed));
  const sent = valueOf(metrics, "vitrine_response_bytes_total") -
    valueOf(recent.metrics, "vitrine_response_bytes_total");
  const info = one(metrics, "vitrine_release_info");
  const age = one(metrics, "vitrine_data_age_seconds");
  const counts = buckets(metrics, () => true);
  const earlier = buckets(recent.metrics, () => true);

  if (info) {
    show(byId("definition"), info.labels.definition);
    show(byId("release"), info.labels.release, one(metrics, "vitrine_release_number"));
    show(byId("age"), formatAge(age.value), age);
    document.title = `${info.labels.definition} – Vitrine`;
  }
  show(byId("connections"), whole(valueOf(metrics, "vitrine_connections_open")),
    one(metrics, "vitrine_connections_open"));
  if (seconds > 0 && requests >= 0) {
    now.rate = requests / seconds;
    now.p50 = quantile(counts, earlier, 0.5);
    now.p99 = quantile(counts, earlier, 0.99);
    show(byId("rate"), formatRate(now.rate));
    show(byId("bytes"), formatBytes(sent / seconds));
    show(byId("p50"), formatTime(now.p50));
    show(byId("p99"), formatTime(now.p99));
    show(byId("failed"), requests > 0 ? `${formatRate(failed / requests * 100)} %` : "–");
    byId("failed").className = failed > 0 ? "bad" : "";
  }
}

function showRoutes(metrics) {
  const routes = new Map();
  for (const {labels, value} of all(metrics, "vitrine_requests_total")) {
    const name = labels.route === "none" ? "no route" : `${labels.method} ${labels.route}`;
    const route = routes.get(name) || {labels, requests: 0, wrong: 0, failed: 0};
    route.requests += value;
    route.wrong += labels.status.startsWith("4") ? value : 0;
    route.failed += labels.status.startsWith("5") ? value : 0;
    routes.set(name, route);
  }
  const lines = [...routes].sort((a, b) => b[1].requests - a[1].requests).map(([name, route]) => {
    const counts = buckets(metrics, ({labels}) => labels.route === route.labels.route &&
      labels.method === route.labels.method);
    return row(name, [make("td", whole(route.requests)), make("td", whole(route.wrong)),
      make("td", whole(route.failed), null, route.failed > 0 ? "bad" : ""),
      make("td", formatTime(quantile(counts, new Map(), 0.99)))]);
  });
  byId("routes").replaceChildren(...lines);
}

function showCollections(metrics) {
  const columns = ["keys", "rows", "bytes"].map((name) => all(metrics, `vitrine_collection_${name}`));
  byId("collections").replaceChildren(...columns[0].map(({labels}, i) => row(labels.collection,
    columns.map((column, k) => make("td", k < 2 ? whole(column[i].value) : formatBytes(column[i].value),
      column[i])))));
}

function showWrites(metrics) {
  const connected = one(metrics, "vitrine_source_connected");
  const waiting = one(metrics, "vitrine_writes_waiting");
  const ends = all(metrics, "vitrine_writes_total").filter(({value}) => value > 0);
  const lines = [];
  if (connected) {
    lines.push(item("Source", connected.value ? "connected" : "away", connected, !connected.value));
    lines.push(item("Writes that wait", whole(waiting.value), waiting));
  } else {
    lines.push(item("Source", metrics.has("vitrine_writes_total") ? "writes go to the primary"
      : "none: this node takes no writes"));
  }
  const isBad = (end) => ["away", "failed", "lost"].includes(end);
  lines.push(...ends.map((sample) => item(`Writes: ${sample.labels.end.replace("_", " ")}`,
    whole(sample.value), sample, isBad(sample.labels.end))));
  byId("writes").replaceChildren(...lines);
}

function showFiles(metrics) {
  const count = (title, name, isBad) => {
    const sample = one(metrics, name);
    return item(title, whole(sample.value), sample, isBad && sample.value > 0);
  };
  const passed = one(metrics, "vitrine_scrub_last_pass_timestamp_seconds");
  byId("files").replaceChildren(
    count("Damaged pages", "vitrine_scrub_damaged_pages", true),
    count("Files that could not be repaired", "vitrine_repair_failing_files", true),
    count("Files repaired", "vitrine_repairs_total"),
    count("Pages checked", "vitrine_scrub_pages_checked_total"),
    item("All checked last", passed ? formatWhen(passed.value * 1000) : "not yet", passed));
}

function showReleases(events) {
  byId("releases").replaceChildren(...events.map((event) => {
    const line = document.createElement("li");
    const when = make("time", formatWhen(event.at_ms));
    when.dateTime = new Date(event.at_ms).toISOString();
    line.append(`${event.release} `, event.refused
      ? make("span", `refused${event.times > 1 ? `, ${event.times} times` : ""}: ${event.reason}`, null, "bad")
      : make("span", "served"), " ", when);
    return line;
  }));
}

// ---- charts ----

function path(points, most, className) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "path");
  let line = "";
  let isDrawing = false;
  for (const [x, value] of points) {
    if (Number.isFinite(value)) {
      line += `${isDrawing ? "L" : "M"}${x.toFixed(1)} ${(98 - value / most * 90).toFixed(1)}`;
    }
    isDrawing = Number.isFinite(value);
  }
  element.setAttribute("d", line);
  element.setAttribute("class", className);
  return element;
}

// What the charts span: as long as the page is open, within bounds.
const span = () => Math.max(CHART_LEAST_MS, samples[samples.length - 1].at - samples[0].at);

// Returns the largest value, which the grid line near the top stands for.
function draw(id, names, format) {
  const now = samples[samples.length - 1].at;
  const most = Math.max(...samples.flatMap((sample) => names.map((name) => sample[name]))
    .filter(Number.isFinite), 0);
  const grid = [[[0, most], [300, most]], [[0, most / 2], [300, most / 2]]];
  const points = (name) => samples.map((sample) =>
    [300 - (now - sample.at) / span() * 300, sample[name]]);
  byId(id).replaceChildren(...grid.map((line) => path(line, most || 1, "grid")),
    ...names.map((name) => path(points(name), most || 1, name)));
  byId(id).setAttribute("aria-label", `The last ${formatAge(Math.round(span() / 1000))}; now ${names.map((name) =>
    format(samples[samples.length - 1][name])).join(" and ")}, at most ${format(most)}`);
  return most;
}

function showCharts() {
  for (const label of document.querySelectorAll(".then")) {
    show(label, `${formatAge(Math.round(span() / EVERY_MS) * EVERY_MS / 1000)} ago`);
  }
  show(byId("rate-most"), `most ${formatRate(draw("rate-chart", ["rate"], formatRate))}`);
  show(byId("time-most"), `most ${formatTime(draw("time-chart", ["p50", "p99"], formatTime))}`);
}

// ---- the clock ----

async function ask(target) {
  const answer = await fetch(target, {cache: "no-store"});
  if (!answer.ok) {
    throw new Error(`${target}: ${answer.status}`);
  }
  return answer.text();
}

async function look() {
  const [text, status] = await Promise.all([ask("metrics"), ask("status.json").then(JSON.parse)]);
  const metrics = parseMetrics(text);
  const now = {at: performance.now(), metrics, rate: NaN, p50: NaN, p99: NaN};
  const last = samples[samples.length - 1];
  const start = "process_start_time_seconds";
  if (last && valueOf(last.metrics, start) !== valueOf(metrics, start)) {
    samples.length = 0; // another process: its counters began anew
  }
  samples.push(now);
  while (now.at - samples[0].at > KEPT_MS) {
    samples.shift();
  }
  showState(status.ready, status.reasons, status.remarks);
  showNow(metrics, now, samples.find((sample) => now.at - sample.at <= RECENT_MS));
  showRoutes(metrics);
  if (metrics.has("vitrine_release_info")) {
    showCollections(metrics);
  }
  showWrites(metrics);
  showFiles(metrics);
  showReleases(status.events);
  showCharts();
  show(byId("since"), `Since ${formatWhen(valueOf(metrics, start) * 1000)}`);
  document.body.dataset.looks = Number(document.body.dataset.looks || 0) + 1;
}

async function run() {
  try {
    await look();
  } catch (error) {
    const state = byId("state");
    state.dataset.state = "trouble";
    show(state, "No answer: what is shown is old");
  }
  setTimeout(run, EVERY_MS);
}

run();
