/* Thumbs up and down, and what the answer should have been. */

import { call } from "./api.js";
import { button, made, tell } from "./dom.js";

function field(label, name) {
  return made("label", {}, label, made("textarea", { name, rows: 2, maxlength: 4000 }));
}

/* Controls that rate `answer_id`; `rating` is what was said before. */
export function rating(answer_id, rated) {
  const said = made("span", { class: "said", role: "status" });
  const form = made("form", { class: "correction", hidden: true },
    field("What would have been right?", "correction"), field("Comment", "comment"),
    made("button", {}, "Send"));
  const thumbs = {
    up: button("", () => rate("up"), { class: "thumb", "aria-label": "Good answer", title: "Good answer" }),
    down: button("", () => rate("down"), { class: "thumb down", "aria-label": "Bad answer", title: "Bad answer" }),
  };
  let chosen = rated;

  function pressed(value) {
    chosen = value;
    for (const [name, thumb] of Object.entries(thumbs)) thumb.setAttribute("aria-pressed", name === value);
  }

  async function send(value, more, thanks) {
    try {
      await call("POST", "/api/feedback", { answer_id, rating: value, ...more });
      pressed(value);
      said.textContent = thanks;
      return true;
    } catch (failure) {
      said.textContent = `Not kept: ${failure.message}`;
      return false;
    }
  }

  async function rate(value) {
    if (!(await send(value, {}, "Thank you."))) return;
    form.hidden = false;
    if (value === "down") form.elements.correction.focus();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const written = Object.fromEntries([...new FormData(form)].filter(([, text]) => text.trim()));
    if (!(await send(chosen, written, "Thank you; that was kept."))) return;
    form.hidden = true;
    thumbs[chosen].focus();
    tell("Your feedback was kept.");
  });

  pressed(rated);
  const row = made("div", { class: "thumbs", role: "group", "aria-label": "Rate this answer" },
    thumbs.up, thumbs.down, said);
  return made("div", { class: "rating" }, row, form);
}
