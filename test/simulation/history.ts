/*
 * Every position that a page ever had, on whatever branch, with its bits and the position before it. A failover or an
 * older dump makes the history fork: the graph is a tree, and a replica may stand at any of its nodes, with exactly that
 * node's bits.
 */

import { formatPosition, GENESIS, type Position, samePosition } from "../../src/board/position.js";

interface Node {
  readonly position: Position;
  readonly bits: Uint8Array;
  readonly parent: Node | undefined;
}

export class History {
  readonly #nodes = new Map<string, Node>();

  constructor(bytes: number) {
    this.#nodes.set(formatPosition(GENESIS), { position: GENESIS, bits: new Uint8Array(bytes), parent: undefined });
  }

  /** False if the position stands for another state already: then a replica cannot tell two histories apart. */
  add(from: Position, to: Position, bits: Uint8Array): boolean {
    const key = formatPosition(to);
    const parent = this.#nodes.get(formatPosition(from));
    const known = this.#nodes.get(key);
    if (known) return known.parent === parent && sameBits(known.bits, bits);
    this.#nodes.set(key, { position: to, bits: bits.slice(), parent });
    return parent !== undefined;
  }

  /** Whether a replica with these bits is at a true state of the page. */
  has(position: Position, bits: Uint8Array): boolean {
    const node = this.#nodes.get(formatPosition(position));
    return node !== undefined && sameBits(node.bits, bits);
  }

  /** Whether `earlier` lies on the way to `position`, or is it. */
  leads(earlier: Position, position: Position): boolean {
    let node = this.#nodes.get(formatPosition(position));
    while (node && node.position.version > earlier.version) node = node.parent;
    return node !== undefined && samePosition(node.position, earlier);
  }
}

/** A replica's bitmap may be shorter than the store's page, which knows no board's size. */
function sameBits(a: Uint8Array, b: Uint8Array): boolean {
  const length = Math.min(a.length, b.length);
  return Buffer.compare(a.subarray(0, length), b.subarray(0, length)) === 0;
}
