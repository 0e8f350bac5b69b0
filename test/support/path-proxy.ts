/* A proxy that has a site's path for an instance, as `location /tools/board/` of nginx, and nothing else on that host. */

import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";

/** The URL of the path, without a slash at its end. `isTakenOff`: the instance is asked without the path. */
export async function startPathProxy(
  t: { after(end: () => unknown): unknown },
  instanceUrl: string,
  path: string,
  isTakenOff: boolean,
): Promise<{ readonly url: string; readonly elsewhere: readonly string[] }> {
  const elsewhere: string[] = [];
  const pass = ({ method, url = "", headers }: IncomingMessage) => {
    if (!url.startsWith(`${path}/`) && (isTakenOff || url !== path)) {
      elsewhere.push(url);
      return undefined;
    }
    const passed = isTakenOff ? url.slice(path.length) : url;
    return httpRequest(new URL(instanceUrl), { method, path: passed, headers, agent: false });
  };
  const server = createServer((request, response) => {
    const passed = pass(request);
    if (!passed) return void response.writeHead(404).end();
    passed.on("error", () => response.destroy());
    passed.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(passed);
  });
  server.on("upgrade", (request, socket) => {
    const passed = pass(request);
    if (!passed) return void socket.destroy();
    passed.on("error", () => socket.destroy());
    passed.on("upgrade", ({ rawHeaders }, other, head) => {
      const pairs = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${pairs.join("")}\r\n`);
      socket.write(head);
      socket.on("error", () => other.destroy());
      other.on("error", () => socket.destroy());
      socket.pipe(other).pipe(socket);
    });
    passed.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}${path}`, elsewhere };
}
