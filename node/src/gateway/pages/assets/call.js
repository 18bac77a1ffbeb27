// Calling one method, of whatever kind, and showing what comes back.

import { ApiError, events } from "./api.js";
import { h, problem } from "./dom.js";
import { editor } from "./form.js";

/** Messages that are shown of a stream. */
const SHOWN = 200;

export function caller(service, version, endpoint, signal) {
  const path = `/v1/call/${encodeURIComponent(service)}/${encodeURIComponent(endpoint.name)}?version=${encodeURIComponent("=" + version)}`;
  const out = h("div", { "aria-live": "polite" });
  if (endpoint.kind === "client_stream" || endpoint.kind === "bidirectional") return [socket(path, endpoint, out, signal), out];
  const raw = endpoint.request === null && !endpoint.request_missing;
  const field = raw ? bytes() : editor(endpoint.request ?? {}, endpoint.request ?? {});
  const button = h("button", { type: "submit" }, endpoint.kind === "server_stream" ? "Open the stream" : "Call");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const value = field.value();
      const body = raw ? value : JSON.stringify(value ?? null);
      await call(path, raw, body, out, signal);
    } catch (error) {
      if (!signal.aborted) out.replaceChildren(failure(error));
    } finally {
      button.disabled = false;
    }
  };
  return [h("form", { onsubmit: submit, novalidate: true }, field.element, h("div", { class: "row" }, button)), out];
}

function bytes() {
  const input = h("textarea", { class: "mono", "aria-label": "Request, as text" });
  return { element: input, value: () => input.value };
}

async function call(path, raw, body, out, signal) {
  out.replaceChildren(h("p", { class: "quiet" }, "Calling…"));
  const started = performance.now();
  const headers = { "content-type": raw ? "application/octet-stream" : "application/json" };
  const controller = new AbortController();
  signal.addEventListener("abort", () => controller.abort());
  const response = await fetch(path, { method: "POST", headers, body, signal: controller.signal });
  const took = (performance.now() - started).toFixed(1) + " ms";
  if (!response.ok) throw new ApiError(await response.json().catch(() => null), response.status);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) return stream(response, out, controller);
  const answer = type.startsWith("application/json") ? JSON.stringify(await response.json(), null, 2) : await response.text();
  out.replaceChildren(h("p", {}, h("span", { class: "badge good" }, "ok"), " in " + took), h("pre", { tabindex: "0", "aria-label": "Answer" }, answer));
}

async function stream(response, out, controller) {
  const state = h("p", {}, h("span", { class: "badge fair" }, "open"));
  const stop = h("button", { type: "button", class: "plain", onclick: () => controller.abort() }, "Stop");
  const list = h("ol", { class: "log", tabindex: "0", "aria-label": "Messages" });
  out.replaceChildren(state, stop, list);
  const end = (kind, word) => {
    state.replaceChildren(h("span", { class: "badge " + kind }, word));
    stop.remove();
  };
  try {
    for await (const { name, data } of events(response)) {
      if (name === "end") return end("good", "ended");
      if (name === "error") return end("bad", JSON.parse(data).detail);
      list.append(h("li", { class: "mono" }, data));
      if (list.children.length > SHOWN) list.firstChild.remove();
      list.scrollTop = list.scrollHeight;
    }
    end("bad", "broken off");
  } catch {
    end("fair", "stopped");
  }
}

function socket(path, endpoint, out, signal) {
  const raw = endpoint.request === null && !endpoint.request_missing;
  const field = raw ? bytes() : editor(endpoint.request ?? {}, endpoint.request ?? {}, "message");
  const list = h("ol", { class: "log", tabindex: "0", "aria-label": "Messages" });
  let open = null;
  const said = (text, kind) => {
    list.append(h("li", { class: "mono " + (kind ?? "") }, text));
    if (list.children.length > SHOWN) list.firstChild.remove();
    list.scrollTop = list.scrollHeight;
  };
  const opened = () => {
    if (open) return open;
    out.replaceChildren(list);
    open = new Promise((resolve, reject) => {
      const socket = new WebSocket(location.origin.replace(/^http/, "ws") + path);
      signal.addEventListener("abort", () => socket.close());
      socket.onopen = () => resolve(socket);
      socket.onerror = () => reject(new Error("the stream could not be opened"));
      socket.onmessage = ({ data }) => said("← " + (typeof data === "string" ? data : `${data.size} bytes`));
      socket.onclose = ({ code, reason }) => {
        said(`closed: ${reason || code}`, code === 1000 ? "good" : "bad");
        open = null;
      };
    });
    return open;
  };
  const submit = async (event) => {
    event.preventDefault();
    try {
      const value = field.value();
      const text = raw ? value : JSON.stringify(value ?? null);
      (await opened()).send(text);
      said("→ " + text, "quiet");
    } catch (error) {
      open = null;
      out.append(problem(error));
    }
  };
  const finish = async () => { if (open) (await open).send(""); };
  return h("form", { onsubmit: submit, novalidate: true }, field.element,
    h("div", { class: "row" }, h("button", { type: "submit" }, "Send a message"), h("button", { type: "button", class: "plain", onclick: finish }, "That is all")));
}

function failure(error) {
  if (!(error instanceof ApiError)) return problem(error);
  const { code, data } = error.problem ?? {};
  return h("div", { role: "alert" },
    h("p", {}, h("span", { class: "badge bad" }, code ?? error.status), " " + error.message),
    data !== undefined ? h("pre", {}, JSON.stringify(data, null, 2)) : null);
}
