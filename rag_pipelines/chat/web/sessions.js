/* Past conversations beside the page: list, open, rename, delete, export. */

import { call, read } from "./api.js";
import { button, element, made, tell } from "./dom.js";

const MOST = 30;
const ID = /^[A-Za-z0-9_-]{1,64}$/;

export const path = (id) => `/api/sessions/${encodeURIComponent(id)}`;

/* The session that the address names. */
export function named() {
  const id = location.hash.slice(1);
  return ID.test(id) ? id : "";
}

export class Sessions {
  /* `current()` is the open session's id; `left()` is called where that one is deleted. */
  constructor(current, left) {
    this.current = current;
    this.left = left;
    this.rows = [];
    element("more").addEventListener("click", () => this.load(this.rows.at(-1)?.updated_at));
  }

  async load(before = "") {
    const query = new URLSearchParams({ limit: MOST, ...(before && { before }) });
    try {
      const { sessions } = await read(`/api/sessions?${query}`);
      this.rows = before ? [...this.rows, ...sessions] : sessions;
      element("more").hidden = sessions.length < MOST;
      element("sessions-note").textContent = this.rows.length ? "" : "Nothing asked yet.";
    } catch (failure) {
      element("sessions-note").textContent = failure.message;
    }
    this.show();
  }

  show() {
    element("sessions").replaceChildren(...this.rows.map((row) => this.item(row)));
  }

  item({ session_id: id, title }) {
    const open = made("a", { href: `#${id}`, "aria-current": id === this.current() && "page" }, title || "Untitled");
    const menu = made("details", { class: "menu" },
      made("summary", { "aria-label": `More for: ${title}` }, "⋯"),
      made("div", {},
        button("Rename", () => this.renaming(id, title, item)),
        made("a", { href: `${path(id)}/export`, download: true }, "Export"),
        button("Delete…", () => this.deleting(id, title, item))));
    const item = made("li", {}, open, menu);
    return item;
  }

  renaming(id, title, item) {
    const input = made("input", { "aria-label": "New title", maxlength: 200, required: true });
    input.value = title;
    const form = made("form", {}, input, made("button", {}, "Save"), button("Cancel", () => this.show()));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.changed(item, () => call("PATCH", path(id), { title: input.value.trim() }), "Renamed.");
    });
    item.replaceChildren(form);
    input.select();
  }

  deleting(id, title, item) {
    const gone = async () => {
      await call("DELETE", path(id));
      if (id === this.current()) this.left();
    };
    const sure = button("Delete", () => this.changed(item, gone, "Deleted."), { class: "danger" });
    item.replaceChildren(made("div", { class: "confirm", role: "group", "aria-label": "Confirm" },
      made("p", {}, `Delete “${title}” for good?`), sure, button("Keep", () => this.show())));
    sure.focus();
  }

  async changed(item, change, said) {
    try {
      await change();
    } catch (failure) {
      item.append(made("p", { class: "error", role: "alert" }, failure.message));
      return;
    }
    await this.load();
    tell(said);
    element("new").focus();
  }
}
