// How this node is reached, and what can be done about it.

import { every, get } from "./api.js";
import { h, problem } from "./dom.js";

const marks = { good: ["ok", "good"], fair: ["could be better", "fair"], bad: ["problem", "bad"], unknown: ["not known", "quiet"] };

export async function doctor(main, _, signal) {
  const body = h("div", {});
  main.append(h("h1", {}, "Doctor"), h("p", { class: "quiet" }, "What is well, what is not, and what to do about it."), body);
  await every(5000, signal, async () => {
    try {
      const report = await get("/v1/doctor", signal);
      body.replaceChildren(h("ul", { class: "plain card" }, report.findings.map(finding)));
    } catch (error) {
      if (!signal.aborted) body.replaceChildren(problem(error));
    }
  });
}

function finding({ subject, health, says, advice }) {
  const [word, kind] = marks[health] ?? marks.unknown;
  return h("li", {},
    h("div", { class: "row" }, h("strong", {}, subject), h("span", { class: "badge " + kind }, word)),
    h("p", {}, says), advice && h("p", {}, "→ " + advice));
}
