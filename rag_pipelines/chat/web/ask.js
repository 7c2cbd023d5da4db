/* The conversation: what is asked, stopped, opened and begun anew. The other files do the rest. */

import { read } from "./api.js";
import { element, made, tell } from "./dom.js";
import { admitted, loginForm } from "./login.js";
import { Serving } from "./release.js";
import { Sessions, named, path } from "./sessions.js";
import { answered } from "./stream.js";
import { Turn, turnsOf } from "./turn.js";

const serving = new Serving();
const sessions = new Sessions(() => session, begin);
const question = element("question");
let session = "";
let running = null;

function busy(on) {
  element("send").textContent = on ? "Stop" : "Ask";
  element("send").classList.toggle("stop", on);
  element("turns").setAttribute("aria-busy", on);
}

function show(turns) {
  element("turns").replaceChildren(...turns.map((turn) => turn.node));
  element("empty").hidden = turns.length > 0;
}

/* The page follows an answer as it grows, unless its reader scrolled away. */
function following(change) {
  const near = innerHeight + scrollY > document.documentElement.scrollHeight - 120;
  change();
  if (near) scrollTo(0, document.documentElement.scrollHeight);
}

function began(told, turn) {
  session = told.session_id;
  history.replaceState(null, "", `#${session}`);
  turn.searched(told);
  tell("Writing the answer.");
}

function finished(told, turn) {
  turn.done(told);
  serving.seen(told);
  const count = told.citations.length;
  tell(`The answer is there, with ${count} ${count === 1 ? "source" : "sources"}.`);
}

const HEARD = {
  retrieval: began,
  token: (told, turn) => turn.token(told),
  citation: (told, turn) => turn.cite(told),
  done: finished,
};

async function ask(text) {
  const stopping = (running = new AbortController());
  const turn = new Turn(text);
  element("turns").append(turn.node);
  element("empty").hidden = true;
  turn.waiting("Searching…");
  tell("Searching.");
  turn.node.scrollIntoView({ block: "start" });
  busy(true);
  try {
    for await (const { event, data } of answered(text, session, stopping.signal)) {
      stopping.signal.throwIfAborted();
      following(() => HEARD[event]?.(data, turn));
    }
  } catch (failure) {
    if (stopping.signal.aborted) turn.stopped();
    else turn.failed(failure.message, () => { turn.node.remove(); ask(text); });
  } finally {
    if (running === stopping) {
      running = null;
      busy(false);
    }
  }
  await sessions.load();
}

function stop() {
  running?.abort();
  running = null;
  busy(false);
}

function begin() {
  stop();
  session = "";
  history.replaceState(null, "", "/");
  show([]);
  sessions.show();
  question.focus();
}

async function open(id) {
  stop();
  session = id;
  try {
    const { messages } = await read(path(id));
    if (session !== id) return;
    show(turnsOf(messages));
    element("turns").lastElementChild?.scrollIntoView({ block: "start" });
  } catch (failure) {
    if (failure.status === 404) session = "";
    show([]);
    element("turns").replaceChildren(made("p", { class: "error", role: "alert" }, failure.message));
  }
  sessions.show();
  aside(false);
}

function aside(on) {
  element("aside").classList.toggle("open", on);
  element("sessions-toggle").setAttribute("aria-expanded", on);
}

function examples() {
  element("known").textContent = serving.sources.length
    ? `Indexed now: ${serving.sources.slice(0, 8).join(", ")}.` : "";
}

async function enter() {
  await Promise.all([serving.look(), sessions.load()]);
  examples();
  if (named()) await open(named());
  question.focus();
}

function submitted(event) {
  event.preventDefault();
  if (running) return stop();
  const text = question.value.trim();
  if (!text) return;
  question.value = "";
  ask(text);
}

element("ask").addEventListener("submit", submitted);
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!running) element("ask").requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  stop();
  aside(false);
});
element("new").addEventListener("click", () => { begin(); aside(false); });
element("sessions-toggle").addEventListener("click", () => aside(!element("aside").classList.contains("open")));
addEventListener("hashchange", () => { if (named() && named() !== session) open(named()); });

loginForm(enter);
admitted().then((may) => { if (may) enter(); }, (failure) => { element("origin").textContent = failure.message; });
serving.follow();
