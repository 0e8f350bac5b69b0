/* The package has no types of its own. */

declare module "cluster-key-slot" {
  /** The slot of a key in a Valkey Cluster: 0 … 16,383. */
  export default function keySlot(key: string | Uint8Array): number;
}
