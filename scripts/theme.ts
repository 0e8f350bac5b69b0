/*
 * The values of src/web/styles/theme.css, for documents and pictures that must not need a second
 * file.
 */

import { readFileSync } from "node:fs";

/** Variables such as `--accent`, with their values. */
export type Theme = ReadonlyMap<string, string>;

/** In the light scheme, and only those that the dark scheme changes. */
export function readTheme(): { readonly light: Theme; readonly dark: Theme } {
  const text = readFileSync(new URL("../src/web/styles/theme.css", import.meta.url), "utf8");
  const [light = "", dark = ""] = Array.from(text.matchAll(/:root \{([^}]*)\}/g), ([, rules]) => rules);
  return { light: variablesIn(light), dark: variablesIn(dark) };
}

function variablesIn(rules: string): Theme {
  return new Map(Array.from(rules.matchAll(/(--[\w-]+): ([^;]+);/g), ([, name = "", value = ""]) => [name, value]));
}
