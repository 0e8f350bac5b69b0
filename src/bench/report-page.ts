/* A self-contained HTML page in the design of the app: no scripts, fonts or network. */

import { readFileSync } from "node:fs";
import { escapeMarkup } from "./chart.js";

interface ReportPage {
  /** Of the window; `name` is the heading. */
  readonly title: string;
  readonly name: string;
  /** Beside the heading. */
  readonly about: string;
  /** Rules for this page, and its content as markup. */
  readonly style: string;
  readonly content: string;
}

export function reportPage({ title, name, about, style, content }: ReportPage): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeMarkup(title)} · SocketScaler</title>
<link rel="icon" href="data:,">
<style>${readFileSync(new URL(import.meta.resolve("socketscaler/theme.css")), "utf8")}${style}</style>
<header class="site-header">
<div class="title"><h1><span>SocketScaler</span> <strong>${escapeMarkup(name)}</strong></h1></div>
<p>${escapeMarkup(about)}</p>
</header>
<main class="content">
${content}
</main>
</html>
`;
}

export type Tone = "good" | "waiting" | "bad";

export function notice(tone: Tone, text: string): string {
  return `<p class="notice" data-tone="${tone}">${escapeMarkup(capital(text))}</p>`;
}

/** Names and values, as figures side by side. */
export function tiles(figures: readonly (readonly string[])[]): string {
  const tile = ([name = "", value = ""]: readonly string[]) =>
    `<div><dt>${escapeMarkup(capital(name))}</dt><dd>${escapeMarkup(value)}</dd></div>`;
  return `<dl class="tiles">\n${figures.map(tile).join("\n")}\n</dl>`;
}

/** Names and values, one below the other. */
export function factTable(facts: readonly (readonly string[])[]): string {
  const row = ([name = "", value = ""]: readonly string[]) =>
    `<tr><th scope="row">${escapeMarkup(capital(name))}</th><td>${escapeMarkup(value)}</td></tr>`;
  return `<div class="table">\n<table>\n${facts.map(row).join("\n")}\n</table>\n</div>`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
