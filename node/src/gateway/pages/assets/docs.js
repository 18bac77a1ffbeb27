// The API, as /openapi.json has it, for people.

import { get } from "./api.js";
import { h, problem } from "./dom.js";
import { shape } from "./services.js";

const main = document.getElementById("main");

function place(pointer, document) {
  return pointer.slice(2).split("/").reduce((at, part) => at?.[part.replace(/~1/g, "/").replace(/~0/g, "~")], document);
}

/** A schema with what it refers to beside it, so that it can be read by itself. */
function whole(schema, document) {
  if (!schema) return {};
  return { ...(schema.$ref ? place(schema.$ref, document) : schema), components: document.components };
}

function operation(method, path, said, document) {
  const body = Object.entries(said.requestBody?.content ?? {});
  const responses = Object.entries(said.responses ?? {}).map(([status, response]) => [status, response.$ref ? place(response.$ref, document) : response]);
  const details = h("details", { class: "card" }, h("summary", {},
    h("span", { class: "badge" }, method.toUpperCase()), h("span", { class: "mono" }, path), h("span", { class: "quiet" }, said.summary ?? "")));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(said.description ? h("p", {}, said.description) : "",
      (said.parameters ?? []).length ? h("div", {}, h("h3", {}, "Parameters"), h("ul", {}, said.parameters.map((one) => h("li", {}, h("code", {}, one.name), ` (${one.in}${one.required ? ", required" : ""}) `, one.description ?? "")))) : "",
      ...body.map(([media, { schema }]) => h("div", {}, h("h3", {}, "Body: " + media), media.endsWith("json") ? shape(clean(whole(schema, document))) : "")),
      h("h3", {}, "Answers"), h("ul", {}, responses.map(([status, response]) => h("li", {}, h("code", {}, status), " ", response.description, " ", h("span", { class: "quiet" }, Object.keys(response.content ?? {}).join(", "))))),
      h("h3", {}, "Example"), h("pre", { tabindex: "0" }, example(method, path, body)));
  });
  return details;
}

/** Components are there to be referred to, not to be read. */
function clean(schema) {
  Object.defineProperty(schema, "components", { enumerable: false, value: schema.components });
  return schema;
}

function example(method, path, body) {
  const json = body.some(([media]) => media.endsWith("json"));
  return ["curl", method === "get" ? "" : "-X " + method.toUpperCase(), json ? "-H 'content-type: application/json' -d '{}'" : "", location.origin + path].filter(Boolean).join(" ");
}

async function show() {
  const document_ = await get("/openapi.json");
  const groups = new Map(document_.tags.map((tag) => [tag.name, { ...tag, operations: [] }]));
  for (const [path, item] of Object.entries(document_.paths))
    for (const [method, said] of Object.entries(item))
      if (method !== "parameters")
        groups.get(said.tags?.[0])?.operations.push([method, path, { ...said, parameters: [...(item.parameters ?? []), ...(said.parameters ?? [])] }]);
  main.replaceChildren(h("h1", {}, "API"), h("p", {}, document_.info.description),
    h("p", {}, "The same for programs: ", h("a", { href: "/openapi.json" }, "openapi.json"), " (OpenAPI 3.1). Calls answer failures with problems (RFC 9457)."),
    document_.info["x-left-out"] ? h("p", { class: "note fair" }, document_.info["x-left-out"]) : "",
    ...[...groups.values()].filter((group) => group.operations.length).map((group) => h("section", {},
      h("h2", {}, group.name), group.description ? h("p", { class: "quiet" }, group.description) : "",
      group.operations.map(([method, path, said]) => operation(method, path, said, document_)))));
}

show().catch((error) => main.replaceChildren(problem(error)));
