// Which page is shown. A page is a function (main, rest of the address, signal): it fills main, and ends when the signal says so.

import { problem } from "./dom.js";
import { overview } from "./overview.js";
import { services } from "./services.js";
import { nodes } from "./nodes.js";
import { graph } from "./graph.js";
import { topics } from "./topics.js";
import { doctor } from "./doctor.js";

const pages = { "": [overview, "Overview"], services: [services, "Services"], nodes: [nodes, "Nodes"], graph: [graph, "Graph"], topics: [topics, "Topics"], doctor: [doctor, "Doctor"] };
const main = document.getElementById("main");
let shown = null;

async function show(focus) {
  shown?.abort();
  const controller = (shown = new AbortController());
  const [name = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const [page, title] = pages[name] ?? pages[""];
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === "#/" + (pages[name] ? name : "")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const detail = rest.map(decodeURIComponent).join("/");
  document.title = (detail || title) + " · Atoll";
  const place = document.createElement("div");
  main.replaceChildren(place);
  if (focus) main.focus();
  try {
    await page(place, detail, controller.signal);
  } catch (error) {
    if (error.name !== "AbortError" && !controller.signal.aborted) place.append(problem(error));
  }
}

// The link that skips to the content is no page.
addEventListener("hashchange", () => (location.hash === "#main" ? main.focus() : show(true)));
show(false);
