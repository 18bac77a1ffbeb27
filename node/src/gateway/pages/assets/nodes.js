// The nodes that this one knows.

import { every, get } from "./api.js";
import { age, count, h, id, millis, problem, table } from "./dom.js";

export async function nodes(main, _, signal) {
  const body = h("div", {});
  main.append(h("h1", {}, "Nodes"), body);
  await every(3000, signal, async () => {
    try {
      draw(body, await get("/v1/nodes", signal));
    } catch (error) {
      if (!signal.aborted) body.replaceChildren(problem(error));
    }
  });
}

function draw(body, rows) {
  const path = (row) => (row.me ? "this node" : row.path ?? "not connected");
  const services = (row) => row.services.map((name, index) => [index ? ", " : "", h("a", { href: "#/services/" + encodeURIComponent(name) }, name)]);
  const state = (row) => (row.suspect ? h("span", { class: "badge fair" }, "suspect") : row.me ? h("span", { class: "badge good" }, "me") : null);
  body.replaceChildren(table(count(rows.length, "node", "nodes") + " known, this one first", [
    ["Node", (row) => [id(row.node), " ", state(row)]],
    ["Tier", (row) => row.tier],
    ["Score", (row) => row.score?.toFixed(2), "number"],
    ["Path", path],
    ["Round trip", (row) => millis(row.rtt_ms), "number"],
    ["Services", services],
    ["Program", (row) => row.agent || null],
    ["Heard of", (row) => age(row.age_ms) + " ago", "number"],
  ], rows));
}
