/* What a model wrote, as paragraphs, lists, blocks of code and line breaks. Its links and markup
   stay text.

   Marks [n] become buttons where there is a card of that number. */

import { button, made } from "./dom.js";

const LISTED = /^\s*(?:[-*•]|(\d{1,3})[.)])\s+(.*)$/;
const FENCE = /^(`{3,})[\w+#-]*$/;
const MARK = /\[(\d{1,3})\]/;

function marked(line, mark) {
  return line.split(MARK).flatMap((part, index) => {
    if (index % 2 === 0) return part ? [part] : [];
    return [mark(Number(part)) ?? `[${part}]`];
  });
}

function list(lines, mark) {
  const numbered = LISTED.exec(lines[0])[1];
  const items = lines.map((line) => made("li", {}, ...marked(LISTED.exec(line)[2], mark)));
  return made(numbered ? "ol" : "ul", { start: numbered > 1 && numbered }, ...items);
}

function paragraph(lines, mark) {
  const broken = lines.flatMap((line, index) => [
    ...(index ? [made("br")] : []), ...marked(line, mark),
  ]);
  return made("p", {}, ...broken);
}

function code(lines) {
  return made("pre", { tabindex: "0" }, made("code", {}, lines.slice(1).join("\n")));
}

const MADE = { list, paragraph, code };

/* Lines that belong together: those of a list, of a paragraph, or between two fences. */
function grouped(text) {
  const groups = [];
  let before = "", fence = "";
  for (const line of text.split("\n")) {
    if (fence) {
      if (line === fence) fence = "";
      else groups.at(-1).lines.push(line);
      before = "";
      continue;
    }
    fence = FENCE.exec(line)?.[1] ?? "";
    const kind = fence ? "code" : line.trim() && (LISTED.test(line) ? "list" : "paragraph");
    if (kind && kind === before) groups.at(-1).lines.push(line);
    else if (kind) groups.push({ kind, lines: [line] });
    before = kind;
  }
  return groups;
}

/* Nodes for `text`; `mark(n)` gives the node of a mark, or nothing. */
export function prose(text, mark = () => undefined) {
  return grouped(text).map(({ kind, lines }) => MADE[kind](lines, mark));
}

export function markButton(n, jump) {
  return button(String(n), jump, { class: "mark", "aria-label": `Show source ${n}` });
}
