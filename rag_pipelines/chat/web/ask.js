// Asks the service and shows what it says as text: nothing that a page or a model wrote is markup.
"use strict";

const element = (id) => document.getElementById(id);

function citation({ n, url, title, heading, quote }) {
  const item = document.createElement("li");
  item.value = n;
  const link = document.createElement("a");
  link.textContent = [title || url, heading].filter(Boolean).join(" › ");
  if (/^https?:\/\//i.test(url)) {
    link.href = url;
    link.rel = "noopener noreferrer";
  }
  const said = document.createElement("blockquote");
  said.textContent = quote;
  item.append(link, said);
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
