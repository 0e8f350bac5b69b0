/* The two sides of a scene: two servers of each kind, over a Valkey of their own. */

import { storedBits } from "../../test/support/clients.js";
import { FaultyStore } from "../../test/support/faulty-store.js";
import type { TcpProxy } from "../../test/support/tcp-proxy.js";
import type { Stage } from "../tutorial/stage.js";
import { startBoardServer } from "./board-server.js";
import { adapterScreen, ourScreen, type Screen } from "./screen.js";

export const CELLS = 100;

/** One server of a side. */
interface Place {
  readonly port: number;
  /** A screen of this server, or of `port` if a proxy is in front of it. */
  screen(port?: number): Promise<Screen>;
  /** Called once, when the next change is in the store and not yet acknowledged. */
  onChange(call: () => Promise<void>): void;
}

interface Side {
  /** Its connection to Valkey can be interrupted. */
  readonly one: Place;
  readonly two: Place;
  readonly link: TcpProxy;
  stored(): Promise<string>;
}

export type OpenSide = (stage: Stage) => Promise<Side>;

export const adapterSide: OpenSide = async (stage) => {
  const valkey = await stage.valkey();
  const link = await stage.link(valkey);
  const open = async (url: string) => {
    const server = await stage.naive(startBoardServer(url, CELLS));
    const place: Place = {
      port: server.port,
      screen: (port = server.port) => adapterScreen(stage, `http://127.0.0.1:${port}`, CELLS),
      onChange: (call) => {
        server.changed = once(call);
      },
    };
    return { server, place };
  };
  const one = await open(`valkey://127.0.0.1:${link.port}`);
  const two = await open(valkey.url);
  return { one: one.place, two: two.place, link, stored: two.server.stored };
};

export const ourSide: OpenSide = async (stage) => {
  const valkey = await stage.valkey();
  const link = await stage.link(valkey);
  const open = async (url: string) => {
    const { store, instance } = await stage.oursBehind((real) => new WatchedStore(real), url, CELLS);
    const port = Number(new URL(instance.url).port);
    const place: Place = {
      port,
      screen: (to = port) => ourScreen(stage, `http://127.0.0.1:${to}`),
      onChange: (call) => {
        store.changed = once(call);
      },
    };
    return { instance, place };
  };
  const one = await open(`valkey://127.0.0.1:${link.port}`);
  const two = await open(valkey.url);
  return { one: one.place, two: two.place, link, stored: () => storedBits(two.instance.url, CELLS) };
};

/** The real store, which reports a commit before the instance knows of it. */
class WatchedStore extends FaultyStore {
  changed: () => Promise<void> = async () => undefined;

  override async commit(...of: Parameters<FaultyStore["commit"]>) {
    const committed = await super.commit(...of);
    await this.changed();
    return committed;
  }
}

function once(call: () => Promise<void>): () => Promise<void> {
  let isCalled = false;
  return async () => {
    if (isCalled) return;
    isCalled = true;
    await call();
  };
}
