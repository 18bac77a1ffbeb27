// Who the node is, how it is reached, and how busy it is.

import { every, get, metrics } from "./api.js";
import { age, count, facts, h, problem } from "./dom.js";

export async function overview(main, _, signal) {
  const body = h("div", {});
  main.append(h("h1", {}, "This node"), body);
  let last = null;
  await every(2000, signal, async () => {
    try {
      const [status, doctor, counters] = await Promise.all([get("/v1/status", signal), get("/v1/doctor", signal), metrics(signal)]);
      const now = performance.now();
      const rate = (...names) => {
        if (!last) return "–";
        const sum = (of) => names.reduce((all, name) => all + (of[name] ?? 0), 0);
        return Math.max(0, ((sum(counters) - sum(last.counters)) * 1000) / (now - last.now)).toFixed(1);
      };
      body.replaceChildren(...draw(status, doctor, rate));
      last = { counters, now };
    } catch (error) {
      if (!signal.aborted) body.replaceChildren(problem(error));
    }
  });
}

function draw(status, doctor, rate) {
  const tile = (name, value) => h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value));
  const bad = doctor.findings.filter((finding) => finding.health === "bad");
  return [
    h("p", {}, status.joined
      ? [h("span", { class: "badge good" }, "joined"), ` the network ${status.network}, connected to ${count(status.peers, "peer", "peers")}.`]
      : [h("span", { class: "badge fair" }, "alone"), ` on the network ${status.network}: no other node is connected yet.`]),
    ...bad.map((finding) => h("p", { class: "note bad" }, `${finding.subject}: ${finding.says}. `, h("a", { href: "#/doctor" }, "What to do"))),
    h("dl", { class: "tiles" },
      tile("Peers", status.peers), tile("Nodes known", status.nodes), tile("Service instances", status.instances),
      tile("Calls made per second", rate("atoll_calls_made_total")), tile("Calls served per second", rate("atoll_calls_served_total")),
      tile("Gateway requests per second", rate("atoll_gateway_requests_total"))),
    h("section", { class: "card" }, h("h2", {}, "Who"), facts([
      ["Node", h("code", {}, status.node)], ["Network", status.network], ["Program", status.agent],
      ["Running for", age(status.uptime_ms)], ["Gateway", status.gateway && h("a", { href: status.gateway }, status.gateway)],
    ])),
    h("section", { class: "card" }, h("h2", {}, "How others reach it"), facts([
      ["From outside", reach[doctor.reachability] ?? doctor.reachability],
      ["Relays", doctor.relays.length ? count(doctor.relays.length, "relay", "relays") : "none needed or found"],
      ["Addresses", status.addresses.length ? h("ul", { class: "lines" }, status.addresses.map((address) => h("li", {}, h("code", {}, address)))) : "none yet"],
    ])),
  ];
}

const reach = {
  public: "others can dial it", private: "strangers cannot dial it; they come through relays, and directly where a hole can be punched",
  unknown: "not known yet",
};
