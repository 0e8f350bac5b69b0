/*
 * Base64url without padding (RFC 4648, section 5) over bytes. Written out because this layer knows neither Node's Buffer
 * nor the DOM's btoa. Decoding is strict: one text for one sequence of bytes, else undefined.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const INVALID = 255;
const VALUES = new Uint8Array(128).fill(INVALID);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

function letter(value: number): string {
  return ALPHABET.charAt(value & 63);
}

export function toBase64url(bytes: Uint8Array): string {
  let text = "";
  let index = 0;
  for (; index + 2 < bytes.length; index += 3) {
    const three = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    text += letter(three >>> 18) + letter(three >>> 12) + letter(three >>> 6) + letter(three);
  }
  const rest = bytes.length - index;
  const tail = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8);
  if (rest > 0) text += letter(tail >>> 18) + letter(tail >>> 12);
  if (rest > 1) text += letter(tail >>> 6);
  return text;
}

export function fromBase64url(text: string): Uint8Array | undefined {
  const rest = text.length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let held = 0;
  for (let index = 0; index < text.length; index++) {
    const value = VALUES[text.charCodeAt(index)] ?? INVALID;
    if (value === INVALID) return undefined;
    held = ((held << 6) | value) & 0xffffff;
    if (index % 4 === 3) {
      bytes[at++] = held >>> 16;
      bytes[at++] = held >>> 8;
      bytes[at++] = held;
    }
  }
  // The last letter's unused bits must be zero, or two texts would mean the same bytes.
  if (rest === 2) {
    if (held & 0b1111) return undefined;
    bytes[at] = held >>> 4;
  }
  if (rest === 3) {
    if (held & 0b11) return undefined;
    bytes[at++] = held >>> 10;
    bytes[at] = held >>> 2;
  }
  return bytes;
}
