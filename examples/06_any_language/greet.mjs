#!/usr/bin/env node
// A service in JavaScript, without packages, for Node.js 18 or later.
//
//     node greet.mjs                       offers greet.js to the whole network, and greets whoever is named on the topic visitors
//     node greet.mjs call Ada              calls it, from anywhere, over the local node
//     node greet.mjs publish Ada           names somebody on the topic visitors
//     node greet.mjs --gateway http://127.0.0.1:4081 …
//
// (Where Atoll's program is called `node`, too, this one may be called `nodejs`.)

import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const TTL = 10; // seconds; renewed three times as often
let [gateway, words] = ["http://127.0.0.1:4080", process.argv.slice(2)];
if (words[0] === "--gateway") [gateway, words] = [words[1].replace(/\/$/, ""), words.slice(2)];

const record = {
  version: "1.0.0",
  doc: "Greets people, in JavaScript.",
  metadata: { language: "javascript" },
  ttl_s: TTL,
  health: "/healthz",
  endpoints: [{
    name: "greet",
    doc: "Greets somebody by name.",
    idempotent: true,
    request: { type: "object", required: ["name"], properties: { name: { type: "string", description: "Whom to greet." } } },
    response: { type: "object", required: ["text"], properties: { text: { type: "string" } } },
  }],
};

/** One request to the gateway; what it answers, or why not. */
async function ask(method, path, value) {
  const body = value === undefined ? undefined : JSON.stringify(value);
  const response = await fetch(gateway + path, { method, body, headers: { "content-type": "application/json" } });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(`${answer.code}: ${answer.detail}`);
  return answer;
}

/** Calls arrive as POST /METHOD with JSON. */
async function handle(request, response) {
  const answer = (status, value) => {
    response.writeHead(status, { "content-type": status === 200 ? "application/json" : "application/problem+json" });
    response.end(JSON.stringify(value));
  };
  if (request.url === "/healthz") return answer(200, {});
  let text = "";
  for await (const part of request) text += part;
  let name;
  try {
    ({ name } = JSON.parse(text || "null") ?? {});
  } catch (error) {
    return answer(400, { code: "invalid_argument", detail: error.message });
  }
  if (typeof name !== "string" || !name) return answer(400, { code: "invalid_argument", detail: "name is to be a text" });
  answer(200, { text: `Hello, ${name}!` });
}

/** Messages of a topic as they come; after a break it goes on where it was. */
async function* listen(topic, signal) {
  let after = "";
  while (!signal.aborted) {
    try {
      const response = await fetch(`${gateway}/v1/topics/${topic}`, { signal, headers: { accept: "text/event-stream", "last-event-id": after } });
      let rest = "";
      for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
        const events = (rest + part).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const fields = Object.fromEntries(event.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
          after = fields.id ?? after;
          if (fields.event === "subscribed") console.log("listening to", topic);
          else if (fields.data && !fields.event) yield JSON.parse(fields.data);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      console.error("lost:", error.message);
      await pause(1000);
    }
  }
}

async function serve() {
  const server = createServer((request, response) => handle(request, response).catch((error) => response.destroy(error)));
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  record.url = `http://127.0.0.1:${server.address().port}`;
  const stopping = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => stopping.abort());
  console.log("offering greet.js as", (await ask("PUT", "/v1/services/greet.js", record)).instance);
  const renewing = (async () => {
    while (await pause((TTL * 1000) / 3, true, { signal: stopping.signal }).catch(() => false)) await ask("PUT", "/v1/services/greet.js", record);
  })();
  // What is said on the topic, by whichever node, is answered by a call: to this service, or another one of its name.
  for await (const { json, text } of listen("visitors", stopping.signal)) {
    // Anybody may say anything there.
    const greeting = ask("POST", "/v1/call/greet.js/greet", { name: json ?? text });
    console.log(await greeting.then((answer) => answer.text, (error) => "not greeted: " + error.message));
  }
  await renewing;
  await ask("DELETE", "/v1/services/greet.js?url=" + encodeURIComponent(record.url));
  console.log("withdrawn");
  server.close();
  server.closeAllConnections();
}

if (words[0] === "call") console.log((await ask("POST", "/v1/call/greet.js/greet", { name: words[1] })).text);
else if (words[0] === "publish") console.log("published as", (await ask("POST", "/v1/topics/visitors", words[1])).seq);
else await serve();
