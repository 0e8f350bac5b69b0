/*
 * `npm run pack:client`: packs the client library and the React hook as `socketscaler-client`, for
 * apps that have no server of their own. It has the same files as `socketscaler`, and only the
 * dependencies that those import. Writes the tarball into the current folder, or into the folder
 * that is named.
 */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, ".tmp", "client-package");
const LAYERS = ["board", "protocol", "client", "react"];
const DEPENDENCIES = ["nanoevents", "socket.io-client", "ws"];

const whole = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { version, license, type, engines, browser, peerDependencies, peerDependenciesMeta } = whole;
const manifest = {
  name: "socketscaler-client",
  version,
  description: "The client library of SocketScaler, and its React hook.",
  license,
  type,
  engines,
  exports: {
    ".": whole.exports["./client"],
    "./keep": whole.exports["./client/keep"],
    "./react": whole.exports["./react"],
    "./theme.css": whole.exports["./theme.css"],
  },
  browser,
  files: ["dist"],
  dependencies: Object.fromEntries(DEPENDENCIES.map((name) => [name, whole.dependencies[name]])),
  peerDependencies,
  peerDependenciesMeta,
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const layer of LAYERS) cpSync(join(root, "dist", layer), join(folder, "dist", layer), { recursive: true });
cpSync(join(root, "dist", "theme.css"), join(folder, "dist", "theme.css"));
cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
const manual = readFileSync(join(root, "docs", "client.md"), "utf8");
writeFileSync(join(folder, "README.md"), manual.replaceAll("socketscaler/client", "socketscaler-client"));
writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
const { status } = spawnSync("npm", ["pack", "--pack-destination", resolve(process.argv[2] ?? ".")], {
  cwd: folder,
  stdio: ["ignore", "inherit", "ignore"],
});
process.exitCode = status ?? 1;
