/*
 * Subscribers of one channel, in a process of their own: plain connections that read everything and
 * understand nothing, so that as many as possible fit on one machine.
 *
 *     page-readers.ts PORT CHANNEL COUNT
 */

import { createConnection } from "node:net";

const [, , port = "", channel = "", count = ""] = process.argv;
const buffer = new Uint8Array(65_536);

process.on("disconnect", () => process.exit());

const subscribed = Array.from({ length: Number(count) }, () => {
  return new Promise<void>((done) => {
    const callback = () => {
      done();
      return true;
    };
    const socket = createConnection({ port: Number(port), host: "127.0.0.1", onread: { buffer, callback } });
    for (const event of ["error", "close"]) socket.on(event, () => process.exit(1));
    socket.write(`SUBSCRIBE ${channel}\r\n`);
  });
});
await Promise.all(subscribed);
process.send?.("ready");
