// Asks the service and shows what it says as text: nothing that a page or a model wrote is markup.
"use strict";

const element = (id) => document.getElementById(id);

const CELLS = new Set(["TABLE", "CAPTION", "THEAD", "TBODY", "TR", "TH", "TD"]);
const DIGEST = /^[0-9a-f]{64}$/;

function linked(text, href) {
  const link = document.createElement("a");
  link.textContent = text;
  if (href) {
    link.href = href;
    link.rel = "noopener noreferrer";
  }
  return link;
}

/* The file in the store, or the page on the web. */
function address({ url, document: digest }) {
  if (DIGEST.test(digest || "")) return `/api/documents/${digest}`;
  return /^https?:\/\//i.test(url) ? url : "";
}

function pageImage({ document: digest, page, box }) {
  if (!DIGEST.test(digest || "") || !Number.isInteger(page) || !box) return "";
  const marked = box.map((point) => Number(point).toFixed(1)).join(",");
  return `/api/documents/${digest}/pages/${page}.png?box=${marked}`;
}

/* A table built anew from what was sent: cells, spans and text, and nothing else. */
function copied(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (!CELLS.has(node.nodeName)) return document.createTextNode(node.textContent);
  const made = document.createElement(node.nodeName);
  for (const span of ["rowspan", "colspan"]) {
    const count = Number.parseInt(node.getAttribute(span), 10);
    if (count > 1 && count <= 1000) made.setAttribute(span, count);
  }
  made.append(...Array.from(node.childNodes, copied));
  return made;
}

function evidence({ kind, html, quote, heading, image_url: image }) {
  const table = html && new DOMParser().parseFromString(html, "text/html").querySelector("table");
  if (kind === "table" && table) {
    const wide = document.createElement("div");
    wide.className = "table";
    wide.append(copied(table));
    return wide;
  }
  const said = document.createElement("blockquote");
  said.textContent = quote;
  if (kind !== "figure" || !/^\/api\/images\/[0-9a-f]{64}$/.test(image || "")) return said;
  const figure = document.createElement("figure");
  const picture = document.createElement("img");
  picture.src = image;
  picture.alt = heading || quote;
  figure.append(picture, said);
  return figure;
}

function citation(cited) {
  const { n, url, title, heading, page } = cited;
  const item = document.createElement("li");
  item.value = n;
  item.append(linked([title || url, heading].filter(Boolean).join(" › "), address(cited)));
  if (page) item.append(", ", linked(`page ${page}`, pageImage(cited)));
  item.append(evidence(cited));
  return item;
}

async function ask(question) {
  const response = await fetch("/api/question", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ question }),
  });
  const told = await response.json();
  if (!response.ok) throw new Error(told.error.message);
  return told;
}

function show(told) {
  element("answer").textContent = told.answer;
  element("citations").replaceChildren(...told.citations.map(citation));
  element("origin").textContent = `${told.model}, release ${told.release}`;
}

element("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  show({ answer: "…", citations: [], model: "asking", release: "" });
  element("origin").textContent = "";
  try {
    show(await ask(element("question").value));
  } catch (error) {
    element("answer").textContent = String(error.message);
  } finally {
    button.disabled = false;
  }
});
