/*
 * Scenes with Socket.IO's Redis adapter and with SocketScaler, side by side. The text is
 * docs/why-not-an-adapter.md. The exit code is 1 if SocketScaler fails in a scene.
 *
 *     npm run adapter              a list of the scenes
 *     npm run adapter order        one scene
 */

import { parseArgs } from "node:util";
import { perform } from "../tutorial/perform.js";
import { SCENES } from "./scenes/all.js";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean" } } });
const [name = ""] = positionals;
const scene = Object.hasOwn(SCENES, name) ? SCENES[name] : undefined;
if (!scene) {
  const list = Object.entries(SCENES).map(([each, { title }]) => `  npm run adapter ${each.padEnd(8)} ${title}`);
  process.stdout.write(`${list.join("\n")}\n`);
  process.exit(name === "" ? 0 : 2);
}
const isRight = await perform(scene, {
  isQuick: values.quick ?? false,
  print: (text) => void process.stdout.write(text),
  tell: (line) => void process.stderr.write(`  · ${line}\n`),
});
process.exit(isRight ? 0 : 1);
