/*
 * Tags: 48 random bits for each attempt to commit a batch, taken from a pool to avoid a system call
 * per tag.
 */

import { randomFillSync } from "node:crypto";

const TAG_BYTES = 6;
const pool = Buffer.alloc(TAG_BYTES * 256);
let used = pool.length;

export function newTag(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += TAG_BYTES;
  return pool.toString("base64url", used - TAG_BYTES, used);
}
