// The gateway's API, which is all that these pages know.

/** Why a request failed, as a problem (RFC 9457) says it. */
export class ApiError extends Error {
  constructor(problem, status) {
    super(problem?.detail ?? `the node answered with the status ${status}`);
    this.problem = problem;
    this.status = status;
  }
}

export async function get(path, signal) {
  let response;
  try {
    response = await fetch(path, { signal, headers: { accept: "application/json" } });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("the node does not answer; is it running?");
  }
  return read(response);
}

export async function read(response) {
  if (!response.ok) throw new ApiError(await response.json().catch(() => null), response.status);
  return response.json();
}

/** The node's counters, by name; of those with labels the sum. */
export async function metrics(signal) {
  const text = await (await fetch("/metrics", { signal })).text();
  const all = {};
  for (const line of text.split("\n")) {
    const found = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (found) all[found[1]] = (all[found[1]] ?? 0) + Number(found[2]);
  }
  return all;
}

/** Reads server-sent events from a response, for requests that EventSource cannot make. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const parts = rest.split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const lines = part.split("\n");
        const field = (name) => lines.filter((line) => line.startsWith(name + ": ")).map((line) => line.slice(name.length + 2));
        if (field("data").length) yield { name: field("event")[0] ?? "message", data: field("data").join("\n") };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Does something now and every so often, for as long as the page is shown. */
export function every(ms, signal, work) {
  let running = false;
  const turn = async () => {
    if (running || document.hidden) return;
    running = true;
    try { await work(); } finally { running = false; }
  };
  const timer = setInterval(turn, ms);
  signal.addEventListener("abort", () => clearInterval(timer));
  return turn();
}
