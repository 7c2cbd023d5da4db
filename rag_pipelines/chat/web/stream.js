/* A question's answer as it comes: server-sent events, read from the body of a POST.

   https://html.spec.whatwg.org/multipage/server-sent-events.html, without ids and retries. */

import { Refused, call } from "./api.js";

const BROKEN = "The answer broke off: the connection to the service was lost.";

function parsed(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  return data.length ? { event, data: JSON.parse(data.join("\n")) } : null;
}

async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held = (held + value).replaceAll("\r\n", "\n");
    const whole = held.split("\n\n");
    held = whole.pop();
    yield* whole;
  }
}

/* Yields `{event, data}` up to `done`. Throws `Refused` on `error` and where the stream ends early. */
export async function* answered(question, session, signal) {
  const asked = { question, stream: true, ...(session && { session_id: session }) };
  const { body } = await call("POST", "/api/question", asked, signal);
  try {
    for await (const block of blocks(body)) {
      const told = parsed(block);
      if (told?.event === "error") throw new Refused(told.data.message, told.data.type);
      if (told) yield told;
      if (told?.event === "done") return;
    }
  } catch (failure) {
    const known = failure instanceof Refused || failure.name === "AbortError";
    throw known ? failure : new Refused(BROKEN);
  }
  throw new Refused(BROKEN);
}
