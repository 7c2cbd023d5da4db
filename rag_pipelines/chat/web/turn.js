/* One question and its answer: the draft, the answer that replaces it, or why there is none. */

import { card, jumpTo } from "./citations.js";
import { button, made } from "./dom.js";
import { rating } from "./feedback.js";
import { markButton, prose } from "./prose.js";

const STOPPED = "Stopped before the answer was complete.";

export class Turn {
  constructor(question) {
    this.question = question;
    this.draft = "";
    this.body = made("div", { class: "answer" });
    this.cards = made("ol", { class: "cards" });
    this.foot = made("div", { class: "foot" });
    this.node = made("article", { class: "turn" },
      made("h2", { class: "question" }, question), this.body, this.cards, this.foot);
  }

  waiting(text) {
    this.body.className = "answer waiting";
    this.body.replaceChildren(made("p", {}, text));
  }

  searched({ question, results }) {
    this.waiting(results ? `Reading ${results} passages…` : "Looking…");
    if (question && question !== this.question) {
      const lines = new Set(question.split("\n")); // the search counts one of them double
      const searched = `Searched for: ${[...lines].join(" ")}`;
      this.body.before(made("p", { class: "searched" }, searched));
    }
  }

  token({ text }) {
    this.draft += text;
    this.body.className = "answer draft";
    this.body.replaceChildren(...prose(this.draft));
  }

  cite(cited) {
    this.cards.append(card(cited));
  }

  done({ answer, citations, abstained, answer_id, model, release, rating: rated, history }) {
    this.body.className = abstained ? "answer abstained" : "answer";
    const known = new Set(citations.map(({ n }) => n));
    const mark = (n) => (known.has(n) ? markButton(n, () => jumpTo(this.cards, n)) : undefined);
    this.body.replaceChildren(...prose(answer, mark));
    this.cards.replaceChildren(...citations.map(card));
    const origin = made("p", { class: "origin" }, [model, release].filter(Boolean).join(" · "));
    const kept = history === "failed" ? [note("This answer could not be kept in the history.")] : [];
    this.foot.replaceChildren(...kept, rating(answer_id, rated), origin);
  }

  stopped() {
    if (!this.draft) this.body.replaceChildren();
    this.body.className = "answer draft";
    this.foot.replaceChildren(note(STOPPED));
  }

  failed(message, retry) {
    this.body.className = "answer draft";
    if (!this.draft) this.body.replaceChildren();
    const told = made("div", { class: "error", role: "alert" }, made("p", {}, message));
    told.append(button("Try again", retry));
    this.foot.replaceChildren(told);
  }

  interrupted({ content, citations }) {
    this.done({ answer: content, citations });
    this.stopped();
  }
}

function note(text) {
  return made("p", { class: "note" }, text);
}

/* The turns of a stored session, from its messages. */
export function turnsOf(messages) {
  const turns = [];
  for (const message of messages) {
    if (message.role === "user") turns.push(new Turn(message.content));
    else if (message.state === "interrupted") turns.at(-1)?.interrupted(message);
    else turns.at(-1)?.done({ ...message, answer: message.content });
  }
  return turns;
}
