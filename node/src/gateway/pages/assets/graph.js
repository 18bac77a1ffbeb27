// Who is connected to whom: a picture, and the same as text.

import { get } from "./api.js";
import { count, h, millis, short, svg } from "./dom.js";

const SIZE = 900;
/** Nodes that still have room for their names. */
const NAMED = 60;

export async function graph(main, _, signal) {
  const radius = h("select", { id: "radius" }, [1, 2, 3, 4, 5, 6, 7, 8].map((n) => h("option", { value: n, selected: n === 3 }, count(n, "hop", "hops"))));
  const body = h("div", { "aria-live": "polite" });
  main.append(h("h1", {}, "Graph"),
    h("form", { class: "line", onsubmit: (event) => event.preventDefault() }, h("div", { class: "field narrow" }, h("label", { for: "radius" }, "How far to look"), radius)), body);
  const draw = async () => {
    const root = await get("/v1/graph?radius=" + radius.value, signal);
    body.replaceChildren(picture(root), h("p", { class: "quiet" }, "Dashed lines lead through a relay; dotted ones are claimed by one end alone."), h("details", { class: "card" }, h("summary", {}, "The same as a list"), list(root)));
  };
  radius.addEventListener("change", draw);
  await draw();
}

/** Places each node on the ring of its distance, each branch in a sector as wide as it has leaves. */
function layout(root) {
  const leaves = (node) => (node.peers.length ? node.peers.reduce((sum, peer) => sum + leaves(peer), 0) : 1);
  const depth = (node) => 1 + Math.max(0, ...node.peers.map(depth));
  const ring = (SIZE / 2 - 70) / Math.max(1, depth(root) - 1);
  const places = new Map();
  const put = (node, from, to, level, above) => {
    const angle = (from + to) / 2;
    places.set(node.node, { node, above, x: SIZE / 2 + Math.cos(angle) * ring * level, y: SIZE / 2 + Math.sin(angle) * ring * level });
    let at = from;
    for (const peer of node.peers) {
      const width = ((to - from) * leaves(peer)) / leaves(node);
      put(peer, at, at + width, level + 1, node.node);
      at += width;
    }
  };
  put(root, -Math.PI / 2, Math.PI * 1.5, 0, null);
  return places;
}

function picture(root) {
  const places = layout(root);
  const line = (a, b, kind) => svg("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: kind });
  const lines = [];
  for (const place of places.values()) {
    const above = places.get(place.above);
    if (above) {
      lines.push(line(above, place, place.node.claimed ? "claimed" : place.node.path));
      if (place.node.rtt_ms !== null && places.size <= NAMED)
        lines.push(svg("text", { class: "rtt", x: (above.x + place.x) / 2, y: (above.y + place.y) / 2 - 4 }, millis(place.node.rtt_ms)));
    }
    for (const to of place.node.links ?? []) if (places.has(to)) lines.push(line(place, places.get(to), "direct"));
    for (const to of place.node.claims ?? []) if (places.has(to)) lines.push(line(place, places.get(to), "claimed"));
  }
  const dots = [...places.values()].map(({ node, x, y, above }) => svg("g", { class: above ? null : "me", tabindex: "0", role: "img", "aria-label": told(node, above) },
    svg("title", {}, told(node, above)), svg("circle", { cx: x, cy: y, r: above ? 9 : 13 }),
    places.size <= NAMED && svg("text", { x, y: y + 27 }, above ? short(node.node) : "this node")));
  return svg("svg", { class: "graph", viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group", "aria-label": `Picture of ${count(places.size, "node", "nodes")} and their connections` }, lines, dots);
}

function told(node, above) {
  const how = above ? `, ${node.claimed ? "claimed" : node.path ?? "connected"}${node.rtt_ms === null ? "" : ", " + millis(node.rtt_ms)}` : ", this node";
  return node.node + how + (node.services.length ? "; offers " + node.services.join(", ") : "");
}

function list(node, above) {
  return h("ul", {}, h("li", {}, told(node, above), node.peers.map((peer) => list(peer, node.node))));
}
