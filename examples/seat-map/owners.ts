/*
 * The owner of each seat: in Valkey if several instances share them, otherwise in memory. A real
 * shop has a database table.
 *
 * A visitor may take their own seat again, because a client may send a write twice.
 */

import { Redis } from "ioredis";

export interface Owners {
  /** Takes all of the seats or none. */
  take(seats: readonly number[], visitor: string): Promise<boolean>;
  /** True if the seat was the visitor's; now it is free. */
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
