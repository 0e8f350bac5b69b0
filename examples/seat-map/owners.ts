/*
 * Whose a seat is: in Valkey, where several instances share it, else in memory. A real shop has a table in its database.
 *
 *     (nobody's) ──take──► visitor's ──startLeaving──► leaving ──leave──► (nobody's)
 *
 * Taking a seat that is one's own is no mistake: a write that is sent again is asked about again. A seat whose visitor
 * went away in between stays his, and his page goes on with it.
 */

import { Redis } from "ioredis";

export interface Owners {
  /** All of them or none. */
  take(seats: readonly number[], visitor: string): Promise<boolean>;
  /** True if it was the visitor's. Nobody can take it from now on. */
  startLeaving(seat: number, visitor: string): Promise<boolean>;
  leave(seat: number, visitor: string): Promise<void>;
  seatsOf(visitor: string): Promise<number[]>;
  close(): void;
}

const KEY = "seat-map:owners";
const LEAVING = "leaving:";

const TAKE = `
  for i = 2, #ARGV do
    local owner = redis.call('HGET', KEYS[1], ARGV[i])
    if owner and owner ~= ARGV[1] then return 0 end
  end
  for i = 2, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
  return 1`;
const START_LEAVING = `
  local owner = redis.call('HGET', KEYS[1], ARGV[1])
  if owner ~= ARGV[2] and owner ~= ARGV[3] then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  return 1`;
const LEAVE = `
  if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end`;

export function openOwners(valkeyUrl: string | undefined): Owners {
  return valkeyUrl === undefined ? inMemory() : inValkey(new Redis(valkeyUrl.replace(/^valkey/, "redis")));
}

function inValkey(valkey: Redis): Owners {
  return {
    take: async (seats, visitor) => (await valkey.eval(TAKE, 1, KEY, visitor, ...seats)) === 1,
    startLeaving: async (seat, visitor) =>
      (await valkey.eval(START_LEAVING, 1, KEY, seat, visitor, LEAVING + visitor)) === 1,
    leave: async (seat, visitor) => void (await valkey.eval(LEAVE, 1, KEY, seat, LEAVING + visitor)),
    seatsOf: async (visitor) => seatsIn(Object.entries(await valkey.hgetall(KEY)), visitor),
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
    startLeaving: async (seat, visitor) => {
      const owner = owners.get(seat);
      if (owner !== visitor && owner !== LEAVING + visitor) return false;
      owners.set(seat, LEAVING + visitor);
      return true;
    },
    leave: async (seat, visitor) => {
      if (owners.get(seat) === LEAVING + visitor) owners.delete(seat);
    },
    seatsOf: async (visitor) => seatsIn(owners, visitor),
    close: () => undefined,
  };
}

function seatsIn(owners: Iterable<[seat: number | string, owner: string]>, visitor: string): number[] {
  const own = Array.from(owners).filter(([, owner]) => owner === visitor || owner === LEAVING + visitor);
  return own.map(([seat]) => Number(seat));
}
