/*
 * The prose linter. It checks documents, comments and texts in the source against the rules in
 * CONTRIBUTING.md, "Words". It finds words that have a better one, long sentences, sentences with
 * several thoughts, and lines past column 100. It leaves out text that no rule can judge: code
 * blocks, pictures and quoted code.
 *
 *     node scripts/prose.mjs              everything that is checked
 *     node scripts/prose.mjs FILE …       some files
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const WORDS_MAX = 25;
const COLUMNS_MAX = 100;

/** Documents that keep the rules. The others follow when they are rewritten. */
const DOCUMENTS = [
  ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
  ...["PROTOCOL.md", "docs/failures.md", "docs/upstream.md", "docs/why-not-an-adapter.md"],
  ...["docs/app.md", "docs/claims.md", "docs/client.md", "docs/configure.md", "docs/crowds.md"],
  ...["docs/deploy.md", "docs/embedding.md", "docs/first-hour.md", "docs/guarantees.md"],
  ...["docs/judge.md", "docs/lab.md", "docs/measured.md", "docs/tutorial.md"],
  ...["docs/observe.md", "docs/security.md", "docs/teaching-protocol.md", "docs/troubleshoot.md"],
  ...filesIn(["docs/decisions", /\.md$/]),
];
/** Files whose comments and texts keep the rules. */
const SOURCES = [
  ["src", /\.(?:tsx?|lua)$/],
  ["scripts", /\.(?:mjs|ts)$/],
  ["examples", /README\.md$/],
];

/** A pattern, and what to write instead. */
const BETTER = [
  [/\bwhoever\b/i, "name the actor"],
  [/(?:^|[.!]\s)(?:who|what)\s(?![^.]*\?)/i, "name the actor: who and what are not subjects"],
  [/\banew\b/i, "again"],
  [/\bat the (?:most|least)\b/i, "at most, at least"],
  [/\bcomes? again\b|\bgoes on\b|\bby and by\b|\bof late\b/i, "returns, continues, gradually, recently"],
  [/\bborne\b|\bat hand\b|\blet go of\b|\bfor good\b/i, "carried, available, released, permanently"],
  [/\btold\b/i, "sent, reported or notified"],
  [/\bis over\b/i, "expired, or has ended"],
  [/\b(?:him|himself|his)\b|\bhe\b/i, "they"],
  [/\ball the same\b/i, "still, or anyway"],
  [/\bfor want of\b/i, "because there is no …"],
  [/\bfor one\b(?=[,;:.])/i, "for example"],
  [/\bthereof\b|\bwherein\b|\bwhereby\b|\btherein\b/i, "plain words"],
  [/\bin its stead\b|\bin his stead\b/i, "instead"],
];

let found = 0;
const files = process.argv.length > 2 ? process.argv.slice(2) : [...DOCUMENTS, ...SOURCES.flatMap(filesIn)];
for (const file of files) check(file);
if (found > 0) {
  process.stderr.write(`\n${found} places break the rules in CONTRIBUTING.md, "Words"\n`);
  process.exitCode = 1;
}

function check(file) {
  const text = readFileSync(join(root, file), "utf8");
  for (const { line, prose, wide, isCell } of file.endsWith(".md") ? paragraphs(text) : comments(text, file)) {
    for (const at of wide ?? []) report(file, at, `wider than ${COLUMNS_MAX} columns`, "");
    for (const sentence of sentences(prose)) {
      for (const [pattern, better] of BETTER) {
        const match = pattern.exec(sentence);
        // A cell may be a phrase, such as "what to do", instead of a sentence.
        const isPhrase = isCell && /^wh(?:o|at)\s/i.test(match?.[0] ?? "");
        if (match && !isPhrase) report(file, line, `"${match[0].trim()}": ${better}`, sentence);
      }
      const words = sentence.split(/\s+/).filter((word) => /\w/.test(word)).length;
      if (words > WORDS_MAX) report(file, line, `${words} words`, sentence);
      const stops = sentence.match(/[:;](?=\s)/g)?.length ?? 0;
      if (stops > 1 && !isCell) report(file, line, `${stops} colons and semicolons`, sentence);
    }
  }
}

function report(file, line, what, sentence) {
  found++;
  console.log(`${file}:${line}: ${what}${sentence ? `\n    ${sentence.slice(0, 160)}` : ""}`);
}

/** Paragraphs, list items and table cells of a document, without code and comments. */
function paragraphs(text) {
  const blocks = [];
  let block;
  let isCode = false;
  let isComment = false;
  let isMade = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*```/.test(line)) isCode = !isCode;
    if (/^<!--/.test(line)) isComment = true;
    // Generated from texts that are checked at their source.
    if (/^<!-- [\w-]+: made from /.test(line)) isMade = true;
    if (/^<!-- \/[\w-]+ -->/.test(line)) isMade = false;
    // Indented text that continues a paragraph or a list item is no code.
    const isIndented = !block && /^ {4}/.test(line);
    const isOther = isCode || isComment || isMade || isIndented || /^\s*```|^\||^#|^!\[|^<|^\[!/.test(line);
    if (/-->\s*$/.test(line)) isComment = false;
    if (!isCode && !isMade && /^\|/.test(line))
      for (const prose of cells(line)) blocks.push({ line: index + 1, prose, isCell: true });
    if (isOther || line.trim() === "" || /^\s*(?:[-*]|\d+\.)\s/.test(line)) block = undefined;
    if (isOther || line.trim() === "") continue;
    if (!block) {
      block = { line: index + 1, prose: "", wide: [] };
      blocks.push(block);
    }
    block.prose += ` ${line.trim().replace(/^(?:[-*]|\d+\.)\s+/, "")}`;
    if (line.length > COLUMNS_MAX && !/\]\(\S+$|https?:\S+$/.test(line.slice(0, COLUMNS_MAX)))
      block.wide.push(index + 1);
  }
  return blocks.map((each) => ({ ...each, prose: plain(each.prose) }));
}

/** The cells of a row. A `|` within code is escaped, as GitHub requires. */
function cells(row) {
  return row.split(/(?<!\\)\|/).map((cell) => cell.trim());
}

/** Comments, and texts of four words or more in quotes. */
function comments(text, file) {
  const isLua = file.endsWith(".lua");
  const pattern = isLua
    ? /(?<block>--\[\[[\s\S]*?\]\])|(?<line>(?:^[ \t]*--(?!\[\[)[^\n]*\n?)+)/gm
    : /(?<block>\/\*[\s\S]*?\*\/)|(?<line>(?:(?<=^|[\s;{,(])\/\/[^\n]*\n?[ \t]*)+)|(?<text>"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*')/gm;
  const found = [];
  let before;
  for (const match of text.matchAll(pattern)) {
    const { block, line: lines, text: quoted } = match.groups ?? {};
    const line = text.slice(0, match.index).split("\n").length;
    if (quoted !== undefined) {
      const words = quoted
        .slice(1, -1)
        .replace(/\$\{[^}]*\}/g, "X")
        .replace(/\S*[<>{}=]\S*/g, "X");
      const end = match.index + quoted.length;
      const isContinued = before && /^\s*\+\s*$/.test(text.slice(before.end, match.index));
      before = isContinued ? { ...before, words: before.words + words, end } : { line, words, end };
      if (/^\s*\+\s*["'`]/.test(text.slice(end))) continue;
      if (!before.words.includes("\n") && before.words.split(/\s+/).length >= 4)
        found.push({ line: before.line, prose: plain(before.words) });
      continue;
    }
    const raw = (block ?? lines).split("\n");
    const column = match.index - text.lastIndexOf("\n", match.index - 1) - 1;
    const wide = raw.flatMap((each, index) =>
      (index === 0 ? column : 0) + each.length > COLUMNS_MAX && !/https?:/.test(each) ? [line + index] : [],
    );
    const isLuaBlock = block !== undefined && isLua;
    const opening = isLuaBlock ? /^(?:--\[\[| {2})/ : /^\s*(?:\/\*\*?|\*\/|\*|\/\/|--)?/;
    const prose = raw
      .map((each) => each.replace(opening, "").replace(isLuaBlock ? /\]\]$/ : /\*\/\s*$/, ""))
      .map((each) => (isTable(each) || each.trim() === "" ? "\n" : each.trim()))
      .join(" ");
    for (const part of prose.split("\n"))
      if (part.trim()) found.push({ line, prose: plain(part), wide: wide.splice(0) });
    if (wide.length > 0) found.push({ line, prose: "", wide });
  }
  return found;
}

/**
 * A picture or a table has lines that are indented, hold several spaces in a row, or state the
 * interface of a script.
 */
function isTable(line) {
  return /^ {4,}|\S {3,}\S|^(?:KEYS|ARGV|Reply|Error|Published)\s/.test(line);
}

function plain(text) {
  return text
    .replace(/`[^`]*`/g, "X")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/"[^"]*"/g, "X")
    .trim();
}

function sentences(text) {
  return text.split(/(?<=[.!?]["')*]*)\s+(?=[A-Z"'(`[])/).filter((each) => each.trim() !== "");
}

function filesIn([folder, name]) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((path) => join(folder, String(path)))
    .filter((path) => name.test(path) && !path.includes("node_modules"))
    .sort();
}
