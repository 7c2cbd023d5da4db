/* Numbered cards of what an answer rests on. Nothing that a page or a file says is markup here. */

import { made } from "./dom.js";

const CELLS = new Set(["TABLE", "CAPTION", "THEAD", "TBODY", "TR", "TH", "TD"]);
const DIGEST = /^[0-9a-f]{64}$/;
const IMAGE = /^\/api\/images\/[0-9a-f]{64}$/;
const MOST_QUOTED = 8;

const OTHER_TAG = /<(?!\/?(?:table|caption|thead|tbody|tr|th|td)\b)[^>]*>/gi;
const TAG = /<(\/?[a-z]+)([^>]*)>/gi;
const SPAN = /\b(?:row|col)span\s*=\s*["']?\d+["']?/gi;

/* The one place where text becomes a document, an inert one. It has lost all but cells and spans
   before, so that the policy has nothing to report; what is shown is copied from it once more. */
const bare = (html) => html.replace(OTHER_TAG, "")
  .replace(TAG, (_, name, rest) => `<${[name, ...(rest.match(SPAN) || [])].join(" ")}>`);
const POLICY = window.trustedTypes?.createPolicy("tables", { createHTML: bare });

function tableOf(html) {
  const trusted = POLICY ? POLICY.createHTML(html) : bare(html);
  return new DOMParser().parseFromString(trusted, "text/html").querySelector("table");
}

/* A table built anew from what was sent: cells, spans and text, and nothing else. */
function copied(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (!CELLS.has(node.nodeName)) return document.createTextNode(node.textContent);
  const cell = made(node.nodeName);
  for (const span of ["rowspan", "colspan"]) {
    const count = Number.parseInt(node.getAttribute(span), 10);
    if (count > 1 && count <= 1000) cell.setAttribute(span, count);
  }
  cell.append(...Array.from(node.childNodes, copied));
  return cell;
}

/* A page's address with its quote, which the browser scrolls to and marks:
   https://wicg.github.io/scroll-to-text-fragment/. A long quote is named by its ends. */
function atQuote(url, quote) {
  const words = quote.split(/\s+/).filter(Boolean);
  if (!words.length) return url;
  const ends = words.length > 2 * MOST_QUOTED
    ? [words.slice(0, MOST_QUOTED), words.slice(-MOST_QUOTED)] : [words];
  const text = ends.map((part) => encodeURIComponent(part.join(" ")).replaceAll("-", "%2D"));
  const joint = url.includes("#") ? "" : "#";
  return `${url}${joint}:~:text=${text.join(",")}`;
}

function addresses({ url, quote, page, box, document: digest }) {
  if (!DIGEST.test(digest || "")) {
    return /^https?:\/\//i.test(url) ? [["Open at the quote", atQuote(url, quote || "")]] : [];
  }
  const original = ["Download the original", `/api/documents/${digest}`];
  if (!Number.isInteger(page) || !Array.isArray(box)) return [original];
  const marked = box.map((point) => Number(point).toFixed(1)).join(",");
  return [[`Show page ${page}`, `/api/documents/${digest}/pages/${page}.png?box=${marked}`], original];
}

function opened([text, href]) {
  const download = text.startsWith("Download");
  return made("a", { href, target: "_blank", rel: "noopener noreferrer", download }, text);
}

function evidence({ kind, html, quote, heading, image_url: image }) {
  const table = kind === "table" && html && tableOf(html);
  if (table) {
    return made("div", { class: "table", tabindex: 0, role: "group", "aria-label": "Table" }, copied(table));
  }
  const said = made("blockquote", {}, quote || "");
  if (kind !== "figure" || !IMAGE.test(image || "")) return said;
  return made("figure", {}, made("img", { src: image, alt: heading || quote, loading: "lazy" }), said);
}

export function card(cited) {
  const { n, url, title, heading, page } = cited;
  const place = [heading, page && `page ${page}`].filter(Boolean).join(" · ");
  return made("li", { class: "card", tabindex: -1, "data-n": n },
    made("span", { class: "number", "aria-hidden": "true" }, String(n)),
    made("div", {},
      made("h3", {}, made("span", { class: "unseen" }, `Source ${n}: `), title || url || "Untitled"),
      ...(place ? [made("p", { class: "place" }, place)] : []),
      evidence(cited),
      made("p", { class: "links" }, ...addresses(cited).map(opened))));
}

/* Bring a card to sight and to the keyboard, and mark it until another is. */
export function jumpTo(cards, n) {
  const wanted = cards.querySelector(`[data-n="${Number(n)}"]`);
  for (const other of document.querySelectorAll(".card.found")) other.classList.remove("found");
  wanted?.classList.add("found");
  wanted?.focus({ preventScroll: true });
  wanted?.scrollIntoView({ block: "nearest" });
}
