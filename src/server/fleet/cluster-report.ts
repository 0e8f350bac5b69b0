/* The answer of GET /cluster. */

import type { InstanceRecord } from "../input/requests.js";

export interface ClusterState {
  /** The id of the instance that answers. */
  readonly self: string;
  readonly storeAvailable: boolean;
  /** How the store is set up so that it may lose data. */
  readonly storeWarning?: string | undefined;
  /** Sorted by name, without instances that were not heard for GONE_MS. */
  readonly instances: readonly (InstanceRecord & { readonly id: string; readonly heardMsAgo: number })[];
}
