"use strict";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A description, in which code stands between backticks.
function described(text) {
  return text.split("`").map((part, n) => n % 2 ? element("code", {}, part) : part);
}

function typeOf(property) {
  if (property.anyOf) return property.anyOf.map(typeOf).join(" or ");
  if (property.enum || property.const) return (property.enum ?? [property.const]).join(" or ");
  return property.type === "array" ? `list of ${typeOf(property.items)}` : property.type;
}

function fields({ properties, required = [] }) {
  const rows = Object.entries(properties).map(([name, property]) => element("tr", {},
    element("th", { scope: "row" }, element("code", {}, name)),
    element("td", {}, typeOf(property)),
    element("td", {}, required.includes(name) ? "required" : ""),
    element("td", {}, ...described(property.description ?? ""))));
  return element("div", { class: "wide" }, element("table", {}, element("tbody", {}, ...rows)));
}

function operation(path, method, { description, requestBody, responses }) {
  const statuses = Object.entries(responses).map(([status, { description: meaning }]) =>
    element("li", {}, element("code", {}, status), ` ${meaning}`));
  const body = requestBody ? [fields(Object.values(requestBody.content)[0].schema)] : [];
  return element("section", { class: "card" },
    element("h2", {}, `${method.toUpperCase()} ${path}`), element("p", {}, ...described(description)),
    ...body, element("ul", {}, ...statuses));
}

async function start() {
  const { paths } = await (await fetch("openapi.json")).json();
  const { source, target } = paths["/translate"].post.requestBody.content["application/json"].schema.properties;
  document.getElementById("example").textContent =
    `curl ${new URL("translate", location)} -d q='Good morning.' -d source=${source.enum[0]} -d target=${target.enum[0]}`;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, each] of Object.entries(methods)) {
      document.getElementById("operations").append(operation(path, method, each));
    }
  }
}

start();
