/* Text from the judged server, for a terminal: short, on one line, without control characters. */

const CHARACTERS_MAX = 200;

export function plainText(text: unknown): string {
  const shown = String(text)
    .slice(0, 2 * CHARACTERS_MAX)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return shown.length > CHARACTERS_MAX ? `${shown.slice(0, CHARACTERS_MAX)}…` : shown;
}
