/*
 * Reads base64url: see base64url.ts. Decoding is strict: each byte sequence has exactly one valid
 * encoding. In a file of its own, because a browser on the lane writes base64url but reads none.
 */

import { ALPHABET } from "./base64url.js";

export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >>> bits;
  }
  // A dangling character is an error, and unused bits must be zero.
  return bits === 6 || held & ((1 << bits) - 1) ? undefined : bytes;
}
