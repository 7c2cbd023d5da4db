/* Nodes made of tags, attributes and text. There is no other way to markup on this page. */

export const element = (id) => document.getElementById(id);

export function made(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

export function button(text, onclick, attributes = {}) {
  const node = made("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", onclick);
  return node;
}

/* Told to those who listen rather than look. */
export function tell(text) {
  element("status").textContent = text;
}
