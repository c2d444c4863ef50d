"use strict";

const AVERAGE = -1;  // the choice "average" of a layer or head
const ALTERNATIVES = 3;
const PAUSE = 700;  // milliseconds without a key until what is typed is translated
const SAMPLES = {  // a sentence to try, by the language of the source
  de: "Wo ist die Bibliothek?", en: "Where is the library?", es: "¿Dónde está la biblioteca?",
  fr: "Où est la bibliothèque ?", it: "Dov'è la biblioteca?", pt: "Onde fica a biblioteca?",
};
const NAMED = 4;  // this many sources of a word are named; all of them light up

const at = (id) => document.getElementById(id);
const form = at("form"), text = at("text"), translation = at("translation");

let settings = { charLimit: Infinity };
let direction = null;  // { source, target }, as codes
const names = {};  // of languages, by their codes
let sentences = [];  // what /live says of each sentence that is translated
let chosen = null;   // the word of the translation that is looked at
let request = null;  // what stops the translation under way
let typing = 0;      // the timer that runs while somebody types

// --- the words on the page -------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function showTyping(written) {
  translation.className = "busy";
  translation.textContent = written;
}

function showWords() {
  const targets = [], sources = [];
  for (const [index, sentence] of sentences.entries()) {
    sentence.targetWords = sentence.target.map((word) =>
      element("span", { class: "word", role: "option", tabindex: -1, "aria-selected": false }, word));
    sentence.sourceWords = sentence.source.map((word) => element("span", { class: "word" }, word));
    for (const word of sentence.targetWords) { word.sentence = index; targets.push(word, " "); }
    for (const word of sentence.sourceWords) sources.push(word, " ");
  }
  translation.className = "";
  translation.replaceChildren(element("div",
    { role: "listbox", "aria-orientation": "horizontal", "aria-labelledby": "target-name" }, ...targets));
  at("source-words").replaceChildren(...sources);
  const first = translation.querySelector(".word");
  if (first) first.tabIndex = 0;  // Tab enters and leaves the translation; inside, the arrows move
  const seen = sentences.find((sentence) => sentence.attention);
  at("attention").hidden = !seen || !first;
  at("rest").textContent = seen?.rest ? `What goes to ${seen.rest} is not shown.` : "";
  if (seen) fillChoices(seen.attention);
}

function showAlternatives() {
  const lists = sentences.filter((sentence) => sentence.alternatives.length).map((sentence) => {
    const items = sentence.alternatives.map((other) => element("li", {}, other));
    const of = sentences.length > 1 ? [element("p", {}, sentence.source.join(" "))] : [];
    return element("div", {}, ...of, element("ul", { lang: direction.target }, ...items));
  });
  at("alternatives").replaceChildren(...lists);
  at("others").hidden = !lists.length;
}

function clear() {
  sentences = [];
  chosen = null;
  translation.className = "";
  translation.replaceChildren();
  for (const id of ["problem", "status", "readout"]) at(id).textContent = "";
  for (const id of ["attention", "others"]) at(id).hidden = true;
}

// --- cross-attention -------------------------------------------------------------------------

function fillChoices(layers) {
  fillChoice(at("layer"), layers.length, Math.max(0, layers.length - 2));  // it aligns most clearly
  fillChoice(at("head"), layers[0].length, AVERAGE);
}

function fillChoice(choice, count, preferred) {
  if (choice.options.length === count + 1) return;  // what was chosen stays chosen
  choice.replaceChildren(element("option", { value: AVERAGE }, "average"),
    ...Array.from({ length: count }, (_, n) => element("option", { value: n }, String(n + 1))));
  choice.value = preferred;
}

function weightsOf(sentence, word) {
  const pick = (list, choice) => Number(choice.value) === AVERAGE ? list : [list[choice.value]];
  const rows = pick(sentence.attention, at("layer"))
    .flatMap((heads) => pick(heads, at("head")).map((rows) => rows[word]));
  return rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j], 0) / rows.length);
}

function lookAt(word) {
  for (const each of document.querySelectorAll(".chosen, .most")) each.classList.remove("chosen", "most");
  for (const each of at("source-words").children) each.style.setProperty("--share", 0);
  if (chosen) chosen.setAttribute("aria-selected", false);
  chosen = word;
  if (!word) { at("readout").textContent = ""; return; }
  word.classList.add("chosen");
  word.setAttribute("aria-selected", true);
  const sentence = sentences[word.sentence];
  if (!sentence.attention) {
    at("readout").textContent = "This sentence is too long to be looked at in one piece.";
    return;
  }
  const weights = weightsOf(sentence, sentence.targetWords.indexOf(word));
  const most = Math.max(...weights);
  const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
  for (const [j, weight] of weights.entries()) {
    sentence.sourceWords[j].style.setProperty("--share", most > 0 ? weight / most : 0);
  }
  sentence.sourceWords[order[0]].classList.add("most");
  const named = order.slice(0, NAMED).filter((j) => weights[j] >= 0.01)
    .map((j) => `“${sentence.source[j]}” ${Math.round(100 * weights[j])}\u00a0%`);
  at("readout").replaceChildren(element("strong", {}, word.textContent),
    named.length ? ` looks at ${named.join(", ")}` : " looks at no word of the sentence");
}

translation.addEventListener("mouseover", (event) => {
  const word = event.target.closest(".word");
  if (word) lookAt(word);
});
translation.addEventListener("focusin", (event) => {
  for (const word of translation.querySelectorAll(".word[tabindex='0']")) word.tabIndex = -1;
  event.target.tabIndex = 0;
  lookAt(event.target);
});
translation.addEventListener("click", (event) => event.target.closest(".word")?.focus());
translation.addEventListener("keydown", (event) => {
  const words = [...translation.querySelectorAll(".word")];
  const here = words.indexOf(event.target), last = words.length - 1;
  const moves = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1,
    Home: 0, End: last };
  if (here < 0 || !(event.key in moves)) return;
  event.preventDefault();
  words[Math.min(Math.max(moves[event.key], 0), last)].focus();
});
for (const id of ["layer", "head"]) at(id).addEventListener("change", () => lookAt(chosen));

// --- translating -----------------------------------------------------------------------------

async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}

async function ask(q, signal) {
  const response = await fetch("live", {
    method: "POST", signal, headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ q, ...direction, alternatives: ALTERNATIVES, api_key: at("key").value }),
  });
  if (response.ok) return response;
  const { error } = await response.json();
  const wait = response.headers.get("Retry-After");
  throw new Error(error + (wait ? `; try again in ${wait} s` : ""));
}

async function translate(q, signal) {
  let whole = null;
  showTyping("");
  for await (const event of lines(await ask(q, signal))) {
    if (event.error) throw new Error(event.error);
    if ("text" in event) showTyping(event.text);
    if ("sentence" in event) sentences.push(event.sentence);
    if ("translatedText" in event) whole = event.translatedText;
  }
  if (whole === null) throw new TypeError("the answer broke off");
  showWords();
  showAlternatives();
  at("status").textContent = `Translation: ${whole}`;
}

function explain(error) {
  translation.className = "";
  if (error instanceof TypeError) return "The server does not answer. Is it running?";
  return `Not translated: ${error.message}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearTimeout(typing);
  request?.abort();
  clear();
  if (!text.value.trim()) {
    at("problem").textContent = "There is nothing to translate yet.";
    text.focus();
    return;
  }
  if (settings.keyRequired && !at("key").value) {
    at("problem").textContent = "This server asks for an API key: give it below the text.";
    return;
  }
  const mine = request = new AbortController();
  at("status").textContent = "Translating";
  try {
    await translate(text.value, mine.signal);
  } catch (error) {
    if (mine.signal.aborted) return;  // a newer translation is under way
    at("status").textContent = "";
    at("problem").textContent = explain(error);
  }
});
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

for (const typed of [text, at("key")]) typed.addEventListener("input", () => {
  clearTimeout(typing);
  if (text.value.trim()) typing = setTimeout(() => form.requestSubmit(), PAUSE);
});
at("sample").addEventListener("click", () => {
  text.value = SAMPLES[direction.source];
  count();
  form.requestSubmit();
});

// --- what the server says of itself ----------------------------------------------------------

function count() {
  const length = [...text.value].length;
  const sample = direction && SAMPLES[direction.source];
  at("sample").hidden = !sample || length > 0;
  at("sample").textContent = `Try: ${sample}`;
  at("count").textContent = `${length.toLocaleString("en")} of ${settings.charLimit.toLocaleString("en")} characters`;
}

async function start() {
  try {
    settings = await (await fetch("frontend/settings")).json();
  } catch {
    at("problem").textContent = "The server does not answer. Is it running?";
    return;
  }
  const languages = await (await fetch("languages")).json();
  for (const { code, name } of languages) names[code] = name;
  at("direction").replaceChildren(...settings.directions.map((each, number) =>
    element("option", { value: number }, `${names[each.source]} to ${names[each.target]}`)));
  at("direction-label").hidden = settings.directions.length < 2;
  at("key-label").hidden = !settings.keyRequired;
  turn(settings.directions[0]);
  count();
}

// --- from which language into which ----------------------------------------------------------

function reverse() {
  return settings.directions.find((each) =>
    each.source === direction.target && each.target === direction.source);
}

function turn(chosen) {
  direction = chosen;
  const { source, target } = direction;
  document.title = at("title").textContent = `${names[source]} to ${names[target]}`;
  at("source-name").textContent = names[source];
  at("target-name").textContent = names[target];
  text.lang = at("source-words").lang = source;
  translation.lang = target;
  at("direction").value = settings.directions.indexOf(direction);
  at("swap").hidden = !reverse();
}

at("direction").addEventListener("change", () => {
  request?.abort();
  clear();
  turn(settings.directions[at("direction").value]);
  count();
});
at("swap").addEventListener("click", () => {
  request?.abort();
  const written = translation.textContent.trim();  // what was translated is the text to go back
  clear();
  turn(reverse());
  if (written) text.value = written;
  count();
  if (text.value.trim()) form.requestSubmit();
});

text.addEventListener("input", count);
start();
