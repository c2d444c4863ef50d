"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const MARGIN = { left: 52, right: 18, top: 10, bottom: 42 };  // of a chart, in pixels
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];                 // runs differ in more than colour
const DECIMALS = { train_loss: 3, valid_loss: 3, valid_bleu: 1, valid_chrf: 1, tokens_per_second: 0 };
let axis = "steps";

function number(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: Math.abs(value) < 1e4 ? 4 : 6 });
}

// A value of a metric as the terminal tells it.
function told(metric, value) {
  const decimals = DECIMALS[metric];
  if (decimals === undefined) return number(value);
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "circle", "text", "g"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function style(run) {
  return `--colour: var(--run-${run % 8 + 1}); stroke-dasharray: ${DASHES[run % DASHES.length] || "none"}`;
}

// --- a chart ---------------------------------------------------------------------------------

// The points {x, y} of a metric in each run that has it; `run` is its number.
function seriesOf(metric) {
  return data.runs.flatMap(({ name, curves }, run) => {
    const curve = curves[metric];
    if (!curve) return [];
    const points = curve.values.map((y, i) => ({ x: curve[axis][i], y })).filter(({ x }) => x !== null);
    return points.length ? [{ run, name, points }] : [];
  });
}

// Round numbers that cover low … high in about `count` steps.
function ticks(low, high, count) {
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.floor(low / step), last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function scale([from, to], [start, end]) {
  return (value) => start + (value - from) / (to - from) * (end - start);
}

function range(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity]);
}

function draw(chart) {
  const { svg, metric } = chart;
  const { width, height } = svg.getBoundingClientRect();
  chart.series = seriesOf(metric);
  svg.replaceChildren();
  say(chart, null);
  if (!chart.series.length) {
    svg.append(text(width / 2, height / 2, data.few[0]));
    return;
  }
  const points = chart.series.flatMap((each) => each.points);
  const [, right] = range(points.map(({ x }) => x));
  const yTicks = ticks(...range(points.map(({ y }) => y)), 4);
  const xTicks = ticks(0, right, Math.max(2, width / 90)).filter((tick) => tick <= right);
  chart.x = scale([0, right], [MARGIN.left, width - MARGIN.right]);
  chart.y = scale([yTicks[0], yTicks.at(-1)], [height - MARGIN.bottom, MARGIN.top]);
  for (const tick of yTicks) {
    const y = chart.y(tick);
    svg.append(element("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
      element("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, number(tick)));
  }
  for (const tick of xTicks) {
    svg.append(text(chart.x(tick), height - 24, number(tick)));
  }
  const middle = (MARGIN.left + width - MARGIN.right) / 2;
  svg.append(text(middle, height - 6, data.axes[axis]));
  const few = data.few[Math.max(...chart.series.map((each) => each.points.length))];
  if (few) svg.append(text(middle, MARGIN.top + 16, few));
  for (const { run, points } of chart.series) {
    const path = points.map(({ x, y }, i) => `${i ? "L" : "M"}${chart.x(x).toFixed(1)} ${chart.y(y).toFixed(1)}`);
    svg.append(element("path", { class: "line", style: style(run), d: path.join("") }));
    if (metric.startsWith("valid") || points.length === 1) {  // few points
      svg.append(...points.map(({ x, y }) => dot(chart, run, x, y, 3)));
    }
  }
  chart.marker = svg.appendChild(element("g"));
}

function text(x, y, content) {
  return element("text", { x, y, "text-anchor": "middle" }, content);
}

function dot(chart, run, x, y, radius) {
  return element("circle", { class: "dot", style: style(run), cx: chart.x(x), cy: chart.y(y), r: radius });
}

// --- pointing at it --------------------------------------------------------------------------

function nearest(points, x) {
  return points.reduce((best, point) => Math.abs(point.x - x) < Math.abs(best.x - x) ? point : best);
}

// Mark each run's point nearest to x, and tell its value; null: nothing.
function say(chart, x) {
  chart.at = x;
  chart.marker?.replaceChildren();
  chart.readout.replaceChildren();
  if (x === null || !chart.series.length) return;
  for (const { run, name, points } of chart.series) {
    const point = nearest(points, x);
    const place = chart.x(point.x);
    chart.marker.append(
      element("line", { class: "guide", x1: place, x2: place, y1: MARGIN.top, y2: chart.svg.clientHeight - MARGIN.bottom }),
      dot(chart, run, point.x, point.y, 5));
    const where = axis === "steps" ? `step ${number(point.x)}` : `minute ${number(point.x)}`;
    chart.readout.append(element("div", {}, `${name}, ${where}: `,
      element("strong", {}, told(chart.metric, point.y))));
  }
}

function move(chart, by) {
  const xs = [...new Set(chart.series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  if (!xs.length) return;
  const now = chart.at === null ? -1 : xs.indexOf(chart.at);
  say(chart, xs[Math.min(Math.max(now + by, 0), xs.length - 1)]);
}

function listen(chart) {
  const { svg } = chart;
  const point = ({ clientX }) => {
    if (!chart.series.length) return;
    const inside = clientX - svg.getBoundingClientRect().left;
    const all = chart.series.flatMap(({ points }) => points.map(({ x }) => ({ x: chart.x(x), value: x })));
    say(chart, nearest(all, inside).value);
  };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);  // a finger does not hover
  svg.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse") say(chart, null);
  });
  svg.addEventListener("blur", () => say(chart, null));
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    move(chart, by);
  });
}

// --- the page --------------------------------------------------------------------------------

const charts = Object.entries(data.metrics).map(([metric, name]) => {
  const svg = element("svg", { role: "img", tabindex: 0, "aria-label": `${name}; the arrow keys move along the curves` });
  const readout = element("output");
  document.getElementById("charts").append(element("figure", {}, element("h2", {}, name), svg, readout));
  const chart = { metric, svg, readout, series: [], marker: null, at: null };
  listen(chart);
  return chart;
});

// Room for a line of each run, so that nothing moves when a chart is pointed at.
document.getElementById("charts").style.setProperty("--runs", Math.min(data.runs.length, 4));

for (const [run, { name }] of data.runs.entries()) {
  document.getElementById("runs").append(element("li", {},
    element("svg", { "aria-hidden": "true", viewBox: "0 0 40 10" },
      element("path", { class: "line", style: style(run), d: "M0 5H40" })), name));
}

// The best validation and the last of all else, for those who would rather read.
function figure(metric, curve) {
  if (!curve) return "–";
  const best = { valid_loss: Math.min, valid_bleu: Math.max, valid_chrf: Math.max }[metric];
  if (!best) return told(metric, curve.values.at(-1));
  const value = curve.values.reduce((a, b) => best(a, b));
  return `${told(metric, value)} at step ${number(curve.steps[curve.values.indexOf(value)])}`;
}

document.getElementById("figures").append(
  element("caption", {}, "The best validation of each run, and the last of its other figures"),
  element("thead", {}, element("tr", {}, ...["run", ...Object.values(data.metrics)].map((name) =>
    element("th", { scope: "col" }, name)))),
  element("tbody", {}, ...data.runs.map(({ name, curves }) =>
    element("tr", {}, element("th", { scope: "row" }, name),
      ...Object.keys(data.metrics).map((metric) => element("td", {}, figure(metric, curves[metric])))))));

for (const radio of document.getElementsByName("axis")) {
  radio.addEventListener("change", () => {
    axis = radio.value;
    charts.forEach(draw);
  });
}
let width = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width === width) return;  // only a readout grew
  width = contentRect.width;
  charts.forEach(draw);
}).observe(document.getElementById("charts"));
