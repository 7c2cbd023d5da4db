/* Which release and model answer, and a quiet word where either changes. */

import { read } from "./api.js";
import { button, element, made } from "./dom.js";

const POLL_MS = 30_000;

export class Serving {
  constructor() {
    this.known = null;
    this.sources = [];
  }

  /* Ask now and from time to time, but not behind a hidden page. */
  async follow() {
    await this.look();
    setInterval(() => document.hidden || this.look(), POLL_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  async look() {
    try {
      const { release, generation, model, sources } = await read("/api/release");
      this.sources = Object.keys(sources);
      this.seen({ release, generation, model: model.name });
    } catch (failure) {
      element("origin").textContent = failure.message;
    }
  }

  /* What an answer or the service named. */
  seen({ release, generation, model }) {
    const before = this.known;
    this.known = { release, generation, model };
    element("origin").textContent = `Answers come from ${model} over release ${release}.`;
    if (!before) return;
    const changed = [
      before.release !== release && `the sources (now ${release})`,
      before.model !== model && `the model (now ${model})`,
    ].filter(Boolean);
    if (changed.length) this.tell(`New since you opened this page: ${changed.join(" and ")}.`);
  }

  tell(text) {
    const banner = element("banner");
    banner.replaceChildren(made("span", {}, text), button("Dismiss", () => banner.replaceChildren()));
  }
}
