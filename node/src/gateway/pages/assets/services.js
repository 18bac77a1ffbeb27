// What is offered: looked for by what it does, described in full, and called.

import { get } from "./api.js";
import { caller } from "./call.js";
import { age, count, facts, h, id, millis, problem, table } from "./dom.js";
import { kind, nullable, resolve } from "./schema.js";

export function services(main, name, signal) {
  return name ? one(main, name, signal) : all(main, signal);
}

async function all(main, signal) {
  const input = h("input", { id: "words", type: "search", autocomplete: "off", placeholder: "such as: add numbers" });
  const body = h("div", { "aria-live": "polite" });
  let turn = 0;
  const look = async () => {
    const mine = ++turn;
    try {
      const reply = await get("/v1/search?limit=200&q=" + encodeURIComponent(input.value), signal);
      if (mine === turn) body.replaceChildren(found(reply));
    } catch (error) {
      if (mine === turn && !signal.aborted) body.replaceChildren(problem(error));
    }
  };
  let timer;
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 200); });
  main.append(h("h1", {}, "Services"),
    h("form", { class: "line", role: "search", onsubmit: (event) => { event.preventDefault(); look(); } },
      h("div", { class: "field" }, h("label", { for: "words" }, "Look for words in names, docs and metadata"), input), h("button", { type: "submit" }, "Search")), body);
  await look();
}

function found({ found, more }) {
  if (!found.length) return h("p", { class: "quiet" }, "Nothing is offered like that.");
  const state = (row) => (row.suspect ? h("span", { class: "badge fair" }, "suspect") : null);
  return table(count(found.length + more, "service", "services") + (more ? `, the first ${found.length} shown` : ""), [
    ["Service", (row) => [h("a", { href: "#/services/" + encodeURIComponent(row.name) }, row.name), " ", state(row)]],
    ["Version", (row) => row.version],
    ["What it does", (row) => row.doc.split("\n")[0] || null],
    ["Instances", (row) => row.instances, "number"],
    ["Round trip", (row) => millis(row.rtt_ms), "number"],
  ], found);
}

async function one(main, name, signal) {
  main.append(h("p", {}, h("a", { href: "#/services" }, "All services")), h("h1", {}, name));
  const described = await get("/v1/services/" + encodeURIComponent(name), signal);
  described.versions.forEach((version, index) => main.append(section(name, version, index === 0, signal)));
}

function section(name, version, first, signal) {
  const rows = version.instances;
  const labels = Object.entries(version.metadata).map(([key, value]) => `${key}=${value}`).join(", ");
  const content = [
    version.doc && h("p", {}, version.doc),
    facts([["Metadata", labels], ["Topics", version.topics.join(", ")], ["Reached by", version.protocols.join(", ")]]),
    h("h3", {}, "Methods"), version.endpoints.map((endpoint) => method(name, version.version, endpoint, signal)),
    h("h3", {}, "Who offers it"),
    table(count(rows.length, "instance", "instances"), [
      ["Node", (row) => id(row.node)], ["Instance", (row) => h("code", {}, row.instance)], ["Path", (row) => row.path ?? "not connected"],
      ["Hops", (row) => row.hops, "number"], ["Round trip", (row) => millis(row.rtt_ms), "number"], ["Known for", (row) => age(row.age_ms), "number"],
    ], rows),
  ];
  return first ? h("section", {}, h("h2", {}, "Version " + version.version), content)
    : h("details", { class: "card" }, h("summary", {}, "Version " + version.version), content);
}

const kinds = { unary: null, server_stream: "answers with a stream", client_stream: "takes a stream", bidirectional: "streams both ways" };

function method(service, version, endpoint, signal) {
  const details = h("details", { class: "card" },
    h("summary", {}, h("span", { class: "mono" }, endpoint.name), kinds[endpoint.kind] && h("span", { class: "badge quiet" }, kinds[endpoint.kind]),
      endpoint.idempotent && h("span", { class: "badge quiet" }, "may be repeated"), h("span", { class: "quiet" }, endpoint.doc.split("\n")[0])));
  // Made when it is looked at: a service may have a hundred methods.
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(endpoint.doc.includes("\n") ? h("p", {}, endpoint.doc) : "",
      h("h3", {}, "It takes"), shape(endpoint.request, endpoint.request_missing), h("h3", {}, "It gives"), shape(endpoint.response, endpoint.response_missing),
      h("h3", {}, "Try it"), ...caller(service, version, endpoint, signal));
  });
  return details;
}

/** A schema for people: its fields, and the whole of it for who wants that. */
export function shape(schema, missing) {
  if (missing) return h("p", { class: "note fair" }, "Its schema cannot be had: " + missing);
  if (schema === null || schema === undefined) return h("p", { class: "quiet" }, "Bytes, of which nothing is said.");
  const [resolved] = nullable(schema, schema);
  const required = resolved.required ?? [];
  const fields = Object.entries(resolved.properties ?? {});
  const rows = fields.map(([name, part]) => ({ name, kind: kind(part, schema), required: required.includes(name), doc: resolve(part, schema).description ?? "" }));
  return h("div", {},
    rows.length ? table(kind(schema, schema), [
      ["Field", (row) => h("code", {}, row.name)], ["Kind", (row) => row.kind], ["Required", (row) => (row.required ? "yes" : "no")], ["About", (row) => row.doc],
    ], rows) : h("p", {}, kind(schema, schema), resolved.description ? ": " + resolved.description : ""),
    h("details", {}, h("summary", { class: "quiet" }, "JSON Schema"), h("pre", { tabindex: "0" }, JSON.stringify(schema, null, 2))));
}
