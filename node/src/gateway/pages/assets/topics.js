// Topics: what there is, what is said now, and saying something.

import { get, read } from "./api.js";
import { count, h, id, problem, short, table } from "./dom.js";

/** Messages that are shown. */
const SHOWN = 300;

export function topics(main, name, signal) {
  return name ? one(main, name, signal) : all(main, signal);
}

const link = (topic) => "#/topics/" + topic.split("/").map(encodeURIComponent).join("/");

async function all(main, signal) {
  const input = h("input", { id: "topic", autocomplete: "off", required: true, placeholder: "such as rooms/lobby, rooms/* or rooms/>" });
  const go = (event) => { event.preventDefault(); if (input.value.trim()) location.hash = link(input.value.trim()); };
  const body = h("div", {});
  main.append(h("h1", {}, "Topics"),
    h("form", { class: "line", onsubmit: go }, h("div", { class: "field" }, h("label", { for: "topic" }, "Listen to a topic, new or known, or to a pattern"), input), h("button", { type: "submit" }, "Open")), body);
  const rows = await get("/v1/topics", signal);
  const what = (row) => [row.subscribed && "subscribed", row.kept && "kept", row.published && "published"].filter(Boolean).join(", ");
  body.append(rows.length ? table(count(rows.length, "topic", "topics") + " that this node has to do with", [
    ["Topic", (row) => h("a", { href: link(row.topic) }, row.topic)],
    ["Messages", (row) => row.messages, "number"], ["Authors", (row) => row.authors, "number"],
    ["Last", (row) => row.last_at_unix_ms && new Date(row.last_at_unix_ms).toLocaleString()], ["Here", what],
  ], rows) : h("p", { class: "quiet" }, "Nothing has been published or subscribed to here yet. Topics need not be made: open one and say something."));
}

async function one(main, topic, signal) {
  const path = "/v1/topics/" + topic.split("/").map(encodeURIComponent).join("/");
  const list = h("ol", { class: "log", tabindex: "0", "aria-label": "Messages", "aria-live": "polite" });
  const state = h("span", { class: "badge fair" }, "connecting");
  const from = h("select", { id: "from" }, [["latest", "from now on"], ["time:-10m", "from ten minutes ago"], ["earliest", "from the beginning"]].map(([value, text]) => h("option", { value }, text)));
  let source = null;
  const listen = () => {
    source?.close();
    list.replaceChildren();
    source = new EventSource(path + "?from=" + from.value);
    source.addEventListener("subscribed", () => { state.textContent = "live"; state.className = "badge good"; });
    source.onmessage = ({ data }) => add(message(JSON.parse(data)));
    source.addEventListener("gap", ({ data }) => add(gap(JSON.parse(data))));
    source.onerror = () => { state.textContent = "lost; trying again"; state.className = "badge fair"; };
  };
  const add = (item) => {
    const end = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(item);
    if (list.children.length > SHOWN) list.firstChild.remove();
    if (end) list.scrollTop = list.scrollHeight;
  };
  from.addEventListener("change", listen);
  signal.addEventListener("abort", () => source?.close());
  main.append(h("p", {}, h("a", { href: "#/topics" }, "All topics")), h("h1", {}, topic),
    h("form", { class: "line", onsubmit: (event) => event.preventDefault() }, h("div", { class: "field narrow" }, h("label", { for: "from" }, "Show messages"), from), h("p", { role: "status" }, state)), h("h2", {}, "Messages"), list);
  if (!/[*>]/.test(topic)) main.append(h("h2", {}, "Publish"), publisher(path));
  listen();
}

function message(row) {
  const body = row.json !== undefined ? JSON.stringify(row.json) : row.text ?? `(base64) ${row.base64 ?? ""}`;
  const key = row.key ?? row.key_base64;
  return h("li", {}, h("time", {}, new Date(row.at_unix_ms).toLocaleTimeString()), " ", h("span", { class: "from", title: row.author }, short(row.author), key ? ` · ${key}` : "", ` · ${row.topic}`), h("div", { class: "mono" }, body));
}

function gap(row) {
  return h("li", { class: "fair" }, `${count(row.messages, "message", "messages")} of `, id(row.author), " are no longer to be had");
}

function publisher(path) {
  const text = h("textarea", { id: "payload", class: "mono", "aria-describedby": "payload-hint" });
  const key = h("input", { id: "key", autocomplete: "off" });
  const ack = h("select", { id: "ack" }, [["local", "it is on this node's disk"], ["gossip", "it is sent"], ["kept1", "a keeper has it"], ["kept2", "two keepers have it"]].map(([value, said]) => h("option", { value }, said)));
  const out = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "submit" }, "Publish");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const params = new URLSearchParams({ ack: ack.value });
      if (key.value) params.set("key", key.value);
      const row = await read(await fetch(`${path}?${params}`, { method: "POST", body: text.value, headers: { "content-type": "application/octet-stream" } }));
      out.replaceChildren(h("p", {}, h("span", { class: "badge good" }, row.level), ` published as number ${row.seq} of this node's log`));
      text.value = "";
    } catch (error) {
      out.replaceChildren(problem(error));
    } finally {
      button.disabled = false;
      text.focus();
    }
  };
  const field = (id, label, input, hint) => h("div", { class: "field" }, h("label", { for: id }, label), input, hint);
  return h("form", { class: "card", onsubmit: submit },
    field("payload", "Message", text, h("small", { id: "payload-hint" }, "Text or JSON, published as it stands.")),
    field("key", "Key (optional)", key), field("ack", "Published once", ack), h("div", { class: "row" }, button), out);
}
