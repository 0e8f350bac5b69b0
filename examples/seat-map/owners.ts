/*
 * Whose a seat is: in Valkey, where several instances share it, else in memory. A real shop has a table in its database.
 *
 * Taking a seat that is one's own is no mistake: a write that is sent again is asked about again.
 */

import { Redis } from "ioredis";

export interface Owners {
  /** All of them or none. */
  take(seats: readonly number[], visitor: string): Promise<boolean>;
  /** True if it was the visitor's; it is nobody's now. */
  leave(seat: number, visitor: string): Promise<boolean>;
  /** Seat -> visitor. */
  all(): Promise<ReadonlyMap<number, string>>;
  close(): void;
}

const KEY = "seat-map:owners";

const TAKE = `
  for i = 2, #ARGV do
    local owner = redis.call('HGET', KEYS[1], ARGV[i])
    if owner and owner ~= ARGV[1] then return 0 end
  end
  for i = 2, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
  return 1`;
const LEAVE = `
  if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
  return redis.call('HDEL', KEYS[1], ARGV[1])`;

export function openOwners(valkeyUrl: string | undefined): Owners {
  return valkeyUrl === undefined ? inMemory() : inValkey(new Redis(valkeyUrl.replace(/^valkey/, "redis")));
}

function inValkey(valkey: Redis): Owners {
  return {
    take: async (seats, visitor) => (await valkey.eval(TAKE, 1, KEY, visitor, ...seats)) === 1,
    leave: async (seat, visitor) => (await valkey.eval(LEAVE, 1, KEY, seat, visitor)) === 1,
    all: async () => {
      const entries = Object.entries(await valkey.hgetall(KEY));
      return new Map(entries.map(([seat, visitor]) => [Number(seat), visitor]));
    },
    close: () => valkey.disconnect(),
  };
}

function inMemory(): Owners {
  const owners = new Map<number, string>();
  return {
    take: async (seats, visitor) => {
      if (seats.some((seat) => (owners.get(seat) ?? visitor) !== visitor)) return false;
      for (const seat of seats) owners.set(seat, visitor);
      return true;
    },
    leave: async (seat, visitor) => owners.get(seat) === visitor && owners.delete(seat),
    all: async () => new Map(owners),
    close: () => undefined,
  };
}
