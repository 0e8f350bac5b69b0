/*
 * One side of the lab: SocketScaler or a naive version. Both have the same shape, the same wires
 * and the same two Valkey servers, so a fault hits both alike.
 *
 *     browser ──uplink──► instance ──wire──► Valkey
 */

import { countOf } from "../../protocol/count.js";
import type { Behind, BrowserView, InstanceView, NaiveKind, SideName, SideView } from "../../protocol/lab.js";
import { readPublished } from "../../store/valkey/page-reads.js";
import { Names } from "../../store/valkey/scripts/keys.js";
import { loadScript } from "../../store/valkey/scripts/scripts.js";
import { type Browser, OurBrowser } from "./browser.js";
import type { Hops } from "./hops.js";
import { NaiveBrowser } from "./naive-browser.js";
import { Part } from "./part.js";
import { LAB_BOARD, type Resync } from "./process-messages.js";
import type { LabServer, ServerPair } from "./servers.js";
import { Wire } from "./wire.js";

export const COUNT = 4;
export const CELLS = 64;
export const PAGE_KEYS = new Names().page({ board: LAB_BOARD, page: 0 });
const COMMITS_MAX = 1_000;
const COMMIT_SHA = loadScript("commit").sha;
/** A naive server sends one of these with each click. */
const NAIVE_COMMIT = /\r\npublish\r\n|\r\neval\r\n/gi;

export interface SideWatch {
  changed(): void;
  /** For the findings of the present trial. */
  committed(): void;
  framed(): void;
  saw(text: string): void;
  /** Resolves when the click has its answer, or never will have one. */
  clicked(cell: number, value: boolean, answer: Promise<void>): Promise<void>;
}

/** A browser's place: its connection, and what it leads to. */
interface Seat {
  readonly browser: Browser;
  readonly uplink: Wire;
  instance: number | undefined;
}

export class Side {
  readonly name: SideName;
  readonly kind: NaiveKind | undefined;
  readonly parts: Part[] = [];
  readonly seats: Seat[] = [];
  /** As read from the primary last. */
  stored: string | undefined;
  readonly #servers: ServerPair;
  readonly #hops: Hops;
  readonly #watch: SideWatch;
  readonly #folder: string;
  /** Positions of which an instance has heard. A request to commit may be sent more than once. */
  readonly #commits = new Set<string>();

  constructor(kind: NaiveKind | undefined, servers: ServerPair, folder: string, hops: Hops, watch: SideWatch) {
    this.kind = kind;
    this.name = kind ? "naive" : "ours";
    this.#servers = servers;
    this.#folder = folder;
    this.#hops = hops;
    this.#watch = watch;
  }

  async start(): Promise<void> {
    for (let number = 1; number <= COUNT; number++) this.parts.push(await this.#openPart(number));
    await Promise.all(this.parts.map((part) => part.start()));
    for (let number = 1; number <= COUNT; number++) this.seats.push(await this.#openSeat(number));
  }

  async close(): Promise<void> {
    for (const { browser, uplink } of this.seats) {
      browser.close();
      uplink.close();
    }
    await Promise.all(this.parts.map((part) => part.close()));
  }

  /** Whether all browsers are connected and have what the server sends at first. */
  get isConnected(): boolean {
    const sendsBoard = this.kind !== "island" && this.kind !== "json-array";
    return this.seats.every(({ browser }) => browser.isConnected && (browser.hasBoard || !sendsBoard));
  }

  /** Clicks a box at a browser, whose screen decides the value if none is given. */
  async click(number: number, cell: number, value?: boolean): Promise<boolean> {
    const seat = this.seats[number - 1];
    if (!seat) return false;
    const wanted = value ?? seat.browser.shown[cell] !== "1";
    // A browser without a connection keeps the click.
    if (seat.browser.isConnected) {
      const instance = `${this.name}.instance.${seat.instance ?? number}`;
      this.#hops.add("write", `${this.name}.browser.${number}`, instance, `box ${cell}`);
    }
    await this.#watch.clicked(cell, wanted, seat.browser.click(cell, wanted));
    return wanted;
  }

  /** The browser's user loads the page again: a new client, which knows nothing. */
  async reload(number: number): Promise<void> {
    const old = this.seats[number - 1];
    if (!old) return;
    old.browser.close();
    old.uplink.close();
    this.seats[number - 1] = await this.#openSeat(number);
  }

  /** The browsers that are connected to an instance. */
  browsersOf(instance: number): number[] {
    return this.seats.flatMap((seat, index) => (seat.instance === instance ? [index + 1] : []));
  }

  /** Lets the browsers of this instance connect again, which leads them back to it. */
  bringHome(instance: number): void {
    const seat = this.seats[instance - 1];
    if (seat && seat.instance !== instance) seat.uplink.cut();
  }

  view(): SideView {
    return { instances: this.#instances(), browsers: this.#browsers(), right: this.#right, behind: this.behind() };
  }

  /** The parts that are not at the primary's state. Hung and dead processes are not asked. */
  behind(): Behind[] {
    const { primary } = this.#servers;
    if (primary.state !== "up") return [{ part: "Valkey", why: `the primary is ${primary.state}` }];
    const late: Behind[] = [];
    const isOurs = this.kind === undefined;
    for (const { number, state, position } of this.parts) {
      const part = `instance ${number}`;
      if (state === "starting") late.push({ part, why: "is starting" });
      else if (isOurs && state === "up" && position !== primary.position)
        late.push({ part, why: `is at ${position ?? "no position"}, the store at ${primary.position}` });
    }
    for (const { number, isConnected, position, pending, cells } of this.#browsers()) {
      const part = `browser ${number}`;
      const wrong = this.#wrongIn(cells);
      if (!isConnected) late.push({ part, why: "is not connected" });
      else if (isOurs && position !== primary.position) late.push({ part, why: `is at ${position ?? "no position"}` });
      else if (wrong > 0) late.push({ part, why: `shows ${countOf(wrong, "wrong box", "wrong boxes")}` });
      else if (pending > 0) late.push({ part, why: `waits for ${countOf(pending, "answer")}` });
    }
    return late;
  }

  /** Boxes that some browser shows wrongly. */
  wrong(): number {
    return Math.max(0, ...this.seats.map(({ browser }) => this.#wrongIn(browser.shown)));
  }

  /** Without shared state, the first browser is as right as any. */
  get #right(): string | undefined {
    return this.kind === "island" ? this.seats[0]?.browser.shown : this.stored;
  }

  #wrongIn(shown: string): number {
    const right = this.#right ?? shown;
    return Array.from(shown).filter((value, cell) => value !== right[cell]).length;
  }

  #instances(): InstanceView[] {
    return this.parts.map(({ number, state, position, port }) => ({
      number,
      state,
      position,
      url: `http://localhost:${port}`,
    }));
  }

  #browsers(): BrowserView[] {
    return this.seats.map(({ browser, instance }, index) => {
      const { isConnected, position, shown, pending } = browser;
      return { number: index + 1, isConnected, instance, position, cells: shown, pending };
    });
  }

  async #openPart(number: number): Promise<Part> {
    const name = `${this.name}.instance.${number}`;
    const valkey = () => `valkey.${this.#servers.primary.name}`;
    const wire = await Wire.open({
      target: () => this.#servers.primary.port,
      sent: (text) => {
        for (let left = this.#commitsIn(text); left > 0; left--) {
          if (this.kind !== undefined) this.#watch.committed();
          this.#hops.add("commit", name, valkey(), "commit");
        }
      },
      news: (channel, message, isLost) => {
        const label = this.#labelOf(channel, message);
        if (label === undefined) return;
        if (this.kind === undefined && !this.#commits.has(label)) {
          if (this.#commits.size === COMMITS_MAX) this.#commits.clear();
          this.#commits.add(label);
          this.#watch.committed();
        }
        this.#hops.add(isLost ? "lost" : "news", valkey(), name, label);
        if (isLost) this.#watch.saw(`The message ${label} to instance ${number} is lost.`);
      },
    });
    const serverPorts = this.#servers.servers.map(({ port }) => port);
    const options = { naive: this.kind, number, cells: CELLS, serverPorts, folder: this.#folder };
    return new Part(wire, options, {
      changed: () => this.#watch.changed(),
      resynced: (resync) => this.#watch.saw(storyOf(number, resync)),
    });
  }

  #commitsIn(text: string): number {
    if (this.kind === undefined) return text.split(COMMIT_SHA).length - 1;
    return text.match(NAIVE_COMMIT)?.length ?? 0;
  }

  /** Undefined for the messages of other channels, which are not about the page. */
  #labelOf(channel: string, message: string): string | undefined {
    if (this.kind !== undefined) {
      const [, index] = /"index":(\d+)/.exec(message) ?? [];
      return index === undefined ? `version ${message.split(",", 1)}` : `box ${index}`;
    }
    if (channel !== PAGE_KEYS.channel) return undefined;
    const to = readPublished(0, message)?.delta.to;
    return to && `${to.version}.${to.tag}`;
  }

  /** Like a balancer: connections go to the browser's own instance, or to the next healthy one. */
  async #openSeat(number: number): Promise<Seat> {
    const name = `${this.name}.browser.${number}`;
    let seat: Seat | undefined;
    const target = () => {
      const parts = Array.from({ length: COUNT }, (_, step) => this.parts[(number - 1 + step) % COUNT]);
      const part = parts.find((each) => each?.isHealthy);
      if (seat) seat.instance = part?.number;
      return part?.port;
    };
    const uplink = await Wire.open({ target });
    const url = `http://127.0.0.1:${uplink.port}`;
    const Kind = this.kind === undefined ? OurBrowser : NaiveBrowser;
    const browser = new Kind(url, CELLS, {
      changed: () => this.#watch.changed(),
      frame: (label) => {
        this.#watch.framed();
        this.#hops.add("frame", `${this.name}.instance.${seat?.instance ?? number}`, name, label);
      },
      reconnected: () =>
        this.#watch.saw(`Browser ${number} is connected again, now to instance ${seat?.instance ?? "?"}.`),
    });
    seat = { browser, uplink, instance: undefined };
    return seat;
  }

  /** Reads the boxes from the primary. */
  async readStored(primary: LabServer): Promise<string | undefined> {
    if (this.kind === "island") return undefined;
    const key = this.kind === undefined ? PAGE_KEYS.bits : this.kind === "json-array" ? "checkboxes" : "bits";
    const reply = await primary.ask("GET", key);
    if (reply === undefined || reply instanceof Error) return undefined;
    const text = typeof reply === "string" ? reply : "";
    if (this.kind === "json-array") return text ? JSON.parse(text).map(Number).join("") : "0".repeat(CELLS);
    const bytes = Buffer.from(text, "latin1");
    return Array.from({ length: CELLS }, (_, cell) => ((bytes[cell >> 3] ?? 0) >> (7 - (cell & 7))) & 1).join("");
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  start: "it had just started",
  gap: "the next message did not fit its position",
  resumed: "its channel had been interrupted",
  check: "the check of its position against the store found a difference",
  ahead: "a browser was ahead of it",
};

function storyOf(number: number, { causes, from, to, deltas, isSnapshot }: Resync): string {
  const why = causes.map((cause) => CAUSES[cause] ?? cause).join(", and ") || "the previous answer left a gap";
  const got = isSnapshot ? "a snapshot" : deltas === 1 ? "1 delta" : `${deltas} deltas`;
  return `Instance ${number} asked the store for everything since ${from}, because ${why}. It got ${got}, up to ${to}.${forkIn(from, to)}`;
}

/** Says so if the first position does not lead to the second. */
function forkIn(from: string, to: string): string {
  const [version = "", tag] = from.split(".");
  const [newVersion = "", newTag] = to.split(".");
  if (version === newVersion && tag !== newTag)
    return " The version is the same but the tag differs: the store has lost changes that the instance had.";
  return Number(newVersion) < Number(version)
    ? " The version went back: the store has lost changes that the instance had."
    : "";
}
