/*
 * Runs one of the store's scripts with a change to its text: with another clock than the server's, or counting what it
 * reads. The server, its data and the rest of the script are the real ones.
 */

import type { ScriptCall } from "../../src/store/valkey/scripts/scripts.js";
import type { ValkeyStore } from "../../src/store/valkey/valkey-store.js";

function evaluate({ script, keys, args }: ScriptCall<unknown>, store: ValkeyStore, change: (lua: string) => string) {
  const parts = [change(script.lua), String(keys.length), ...keys, ...args.map(String)];
  return store.command(keys[0] ?? "", "EVAL", ...parts);
}

/** As if the server's clock stood at `nowMs`. */
export async function runAt<Result>(store: ValkeyStore, call: ScriptCall<Result>, nowMs: number): Promise<Result> {
  const time = `{ ${Math.floor(nowMs / 1_000)}, ${(nowMs % 1_000) * 1_000} }`;
  return call.read(await evaluate(call, store, (lua) => lua.replace("call('TIME')", time)));
}

const COUNTING = `
local bytesRead = 0
local function weigh(reply)
  if type(reply) == 'string' then bytesRead = bytesRead + #reply end
  if type(reply) == 'table' then for _, each in ipairs(reply) do weigh(each) end end
end
local function counting(command)
  return function(...)
    local reply = command(...)
    weigh(reply)
    return reply
  end
end
`;

/** How many bytes the script reads of its keys. */
export async function bytesRead(store: ValkeyStore, call: ScriptCall<unknown>): Promise<number> {
  const counted = (lua: string) => {
    const [flags = "", ...body] = lua.split("\n");
    const text = body.join("\n").replace(/redis\.p?call/g, "counting($&)");
    return `${flags}\n${COUNTING}\nlocal function run()\n${text}\nend\nrun()\nreturn bytesRead`;
  };
  return Number(await evaluate(call, store, counted));
}
