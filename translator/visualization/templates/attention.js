"use strict";

const KINDS = {
  cross_attention: {
    name: "cross-attention",
    row: "writing", languages: ["target", "source"],
  },
  encoder_self_attention: {
    name: "encoder self-attention",
    row: "reading", languages: ["source", "source"],
  },
  decoder_self_attention: {
    name: "masked decoder self-attention",
    row: "writing", languages: ["target", "target"],
  },
  self_attention: {
    name: "self-attention",
    row: "at", languages: ["target", "target"],
  },
};
const AVERAGE = -1;  // the choice "average" of a layer or head

const data = JSON.parse(document.getElementById("data").textContent);
const [table, layerChoice, headChoice, readout] =
  ["map", "layer", "head", "readout"].map((id) => document.getElementById(id));
const hasPieces = Object.values(data.maps).some((each) => each.keys.some((key) => key.startsWith("▁")));
let kind = data.kind;  // the first that has the layer
let weights = [];      // [row][column] of what is shown; a row of masked attention ends where its past does
let focus = [0, 0];    // the cell that the keyboard is at

// --- which weights ---------------------------------------------------------------------------

function mean(matrices) {
  return matrices[0].map((row, i) =>
    row.map((_, j) => matrices.reduce((sum, matrix) => sum + matrix[i][j], 0) / matrices.length));
}

function chosen(list, choice) {
  return choice === AVERAGE ? list : [list[choice]];
}

function chosenWeights() {
  const layers = chosen(data.maps[kind].weights, Number(layerChoice.value));
  return mean(layers.flatMap((heads) => chosen(heads, Number(headChoice.value))));
}

// --- drawing ---------------------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function tokenHeader(token, scope, language) {
  const text = element("span", { lang: data[language + "_language"] });
  text.dir = "auto";
  if (token.startsWith("▁")) text.append(element("span", { class: "mark" }, "▁"), token.slice(1));
  else text.append(token);
  return element("th", { scope }, text);
}

function drawTable() {
  const { queries, keys, explanation } = data.maps[kind];
  const [rowLanguage, columnLanguage] = KINDS[kind].languages;
  const header = element("tr", {}, element("td"),
    ...keys.map((key) => tokenHeader(key, "col", columnLanguage)));
  const rows = queries.map((query) => element("tr", {}, tokenHeader(query, "row", rowLanguage),
    ...keys.map(() => element("td", { tabindex: -1 }))));
  table.style.setProperty("--keys", keys.length);
  table.setAttribute("aria-label", KINDS[kind].name);
  table.replaceChildren(element("thead", {}, header), element("tbody", {}, ...rows));
  document.getElementById("explanation").textContent = explanation;
  focus = [0, 0];
  cell(0, 0).tabIndex = 0;
}

function shade() {
  weights = chosenWeights();
  const most = weights.reduce((max, row) => Math.max(max, ...row), 0);  // all at once are too many
  for (const [i, row] of [...table.tBodies[0].rows].entries()) {
    for (let j = 0; j < row.cells.length - 1; j++) {
      const weight = weights[i][j];
      const at = row.cells[j + 1];
      at.className = weight === undefined ? "future" : "";
      at.style.setProperty("--shade", weight === undefined ? 0 : weight / most);
      at.setAttribute("aria-label", weight === undefined ? "the future, not seen" : decimal(weight));
    }
  }
  document.getElementById("most").textContent = decimal(most);
  pressHead();
  unlight();
}

function decimal(weight) {
  return (weight / data.one).toFixed(3);
}

function cell(i, j) {
  return table.tBodies[0].rows[i].cells[j + 1];
}

// --- over the picture ------------------------------------------------------------------------

const tiles = document.getElementById("tiles");

function showPicture() {
  if (!data.shown) return;
  const figure = document.getElementById("shown");
  const [rows, columns] = data.shown.tiles;
  figure.hidden = false;
  figure.classList.toggle("wide", rows === 1);
  figure.querySelector("img").src = data.shown.url;
  tiles.style.setProperty("--rows", rows);
  tiles.style.setProperty("--columns", columns);
  tiles.replaceChildren(...Array.from({ length: rows * columns }, () => element("div")));
}

function shadePicture(i) {  // by a row of the map, or by none
  const row = weights[i] || [];
  const most = Math.max(...row, 1);
  for (const [j, tile] of [...tiles.children].entries())
    tile.style.setProperty("--shade", row.length === tiles.children.length ? row[j] / most : 1);
}

// --- pointing --------------------------------------------------------------------------------

function unlight() {
  for (const lit of table.querySelectorAll(".lit, .chosen")) lit.classList.remove("lit", "chosen");
  readout.textContent = "Point at a cell to see its weight.";
  shadePicture(-1);
}

function light(i, j) {
  unlight();
  const { queries, keys } = data.maps[kind];
  const row = table.tBodies[0].rows[i];
  for (const at of row.cells) at.classList.add("lit");
  for (const each of table.rows) each.cells[j + 1].classList.add("lit");
  cell(i, j).classList.add("chosen");
  shadePicture(i);
  const weight = weights[i][j];
  const bold = (text) => element("strong", { dir: "auto" }, text);
  readout.replaceChildren(`${KINDS[kind].row} `, bold(queries[i]),
    ...(weight === undefined ? [" does not see ", bold(keys[j]), ", which is not written yet"]
      : [" looks at ", bold(keys[j]), " with weight ", bold(decimal(weight))]),
    ` (layer: ${nameOf(layerChoice)}, head: ${nameOf(headChoice)})`);
}

function nameOf(choice) {
  return choice.selectedOptions[0].textContent;
}

function place(target) {
  const at = target.closest("tbody td");
  return at && [at.parentNode.rowIndex - 1, at.cellIndex - 1];
}

table.addEventListener("mouseover", (event) => {
  const at = place(event.target);
  if (at) light(...at);
});
table.addEventListener("mouseleave", () => {
  if (table.contains(document.activeElement)) light(...focus);
  else unlight();
});
table.addEventListener("focusin", (event) => {
  const at = place(event.target);
  if (!at) return;
  cell(...focus).tabIndex = -1;  // Tab enters and leaves the map; inside, the arrows move
  focus = at;
  cell(...focus).tabIndex = 0;
  light(...focus);
});
table.addEventListener("focusout", unlight);
table.addEventListener("keydown", (event) => {
  const lastRow = weights.length - 1, lastColumn = data.maps[kind].keys.length - 1;
  const [i, j] = focus;
  const moves = {
    ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1],
    Home: [event.ctrlKey ? 0 : i, 0], End: [event.ctrlKey ? lastRow : i, lastColumn],
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const [row, column] = moves[event.key];
  cell(Math.min(Math.max(row, 0), lastRow), Math.min(Math.max(column, 0), lastColumn)).focus();
});

// --- all heads -------------------------------------------------------------------------------

const grid = document.getElementById("heads");

function drawHeads() {
  const { weights: layers, queries, keys } = data.maps[kind];
  grid.style.gridTemplateColumns = `auto repeat(${layers[0].length}, auto)`;
  const names = layers[0].map((_, head) => element("span", {}, `head ${head + 1}`));
  grid.replaceChildren(element("span"), ...names, ...layers.flatMap((heads, layer) => [
    element("span", {}, `layer ${layer + 1}`),
    ...heads.map((rows, head) => headButton(rows, layer, head, queries.length, keys.length)),
  ]));
}

function headButton(rows, layer, head, height, width) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d");
  const colours = getComputedStyle(document.documentElement);
  context.fillStyle = colours.getPropertyValue("--low");
  context.fillRect(0, 0, width, height);
  context.fillStyle = colours.getPropertyValue("--high");
  for (const [i, row] of rows.entries()) {
    for (const [j, weight] of row.entries()) {
      context.globalAlpha = weight / data.one;
      context.fillRect(j, i, 1, 1);
    }
  }
  const name = `layer ${layer + 1}, head ${head + 1}`;
  const button = element("button", { type: "button", "aria-label": name, title: name }, canvas);
  button.addEventListener("click", () => {
    [layerChoice.value, headChoice.value] = [layer, head];
    shade();
  });
  return button;
}

function pressHead() {
  for (const [n, button] of [...grid.querySelectorAll("button")].entries()) {
    const heads = data.maps[kind].weights[0].length;
    const place = [Math.floor(n / heads), n % heads];
    button.setAttribute("aria-pressed",
      place[0] === Number(layerChoice.value) && place[1] === Number(headChoice.value));
  }
}

// --- choosing --------------------------------------------------------------------------------

function fillChoice(choice, count, value) {
  choice.replaceChildren(element("option", { value: AVERAGE }, "average"),
    ...Array.from({ length: count }, (_, n) => element("option", { value: n }, String(n + 1))));
  choice.value = value < count ? value : AVERAGE;
}

function chooseKind(name) {
  kind = name;
  const layers = data.maps[kind].weights;
  fillChoice(layerChoice, layers.length, Number(layerChoice.value || data.layer));
  fillChoice(headChoice, layers[0].length, Number(headChoice.value || data.head));
  drawTable();
  drawHeads();
  shade();
}

for (const [name, { name: text }] of Object.entries(KINDS)) {
  if (!data.maps[name]) continue;  // a kind that this architecture does not have
  const radio = element("input", { type: "radio", name: "kind", value: name });
  radio.checked = name === kind;
  radio.addEventListener("change", () => chooseKind(name));
  document.getElementById("kinds").append(element("label", {}, radio, text));
}
layerChoice.addEventListener("change", shade);
headChoice.addEventListener("change", shade);
for (const side of ["source", "translation"]) {
  const line = document.getElementById(side);
  line.textContent = data[side];
  line.lang = data[side === "source" ? "source_language" : "target_language"];
}
document.getElementById("pieces").hidden = !hasPieces;
showPicture();
chooseKind(kind);
