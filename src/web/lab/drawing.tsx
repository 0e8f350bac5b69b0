/* One side of the lab as a drawing: browsers, instances, Valkey and its replica. */

import { useEffect, useRef } from "preact/hooks";
import type { BrowserView, Hop, InstanceView, PartState, ServerView, SideName } from "../../protocol/lab.js";
import { animate } from "./motion.js";
import { BROWSER, columnOf, HEIGHT, INSTANCE, PRIMARY_X, placeOf, REPLICA_X, SERVER, WIDTH } from "./places.js";

/** Cells in a row of a small board. */
const ROW = 8;

export interface Drawn {
  readonly servers: readonly ServerView[];
  readonly instances: readonly InstanceView[];
  readonly browsers: readonly BrowserView[];
  readonly right: string | undefined;
}

interface Props {
  readonly side: SideName;
  readonly title: string;
  /** Whether the instances of this side do not use Valkey. */
  readonly isUnshared: boolean;
  readonly drawn: Drawn;
  /** The last hops; another array each time. */
  readonly hops: readonly Hop[];
  readonly chosen: number;
  readonly onChoose: (number: number) => void;
  readonly onClick: (browser: number, cell: number) => void;
}

export function Drawing({ side, title, isUnshared, drawn, hops, chosen, onChoose, onClick }: Props) {
  const layer = useRef<SVGGElement>(null);
  const primary = drawn.servers.find(({ role }) => role === "primary");
  const replica = drawn.servers.find((server) => server !== primary);
  const name = primary?.name ?? "a";
  useEffect(() => {
    const seen = isUnshared ? hops.filter(({ kind }) => kind !== "copy") : hops;
    if (layer.current) animate(layer.current, seen, side, name);
  }, [hops, isUnshared, side, name]);
  return (
    <svg
      class="drawing"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="application"
      aria-label={title}
      data-testid={`${side}-drawing`}
    >
      {drawn.browsers.map(({ number, instance, isConnected }) => {
        const [from, to] = [columnOf(number), columnOf(instance ?? number)];
        const className = `link ${isConnected ? "" : "cut"}`;
        return <line key={number} class={className} x1={from} x2={to} y1={BROWSER.top + 60} y2={INSTANCE.top + 10} />;
      })}
      {!isUnshared &&
        drawn.instances.map(({ number, state }) => {
          const [className, from] = [`link ${state === "up" ? "" : "cut"}`, columnOf(number)];
          const to = placeOf(`valkey.${name}`, name);
          return <line key={number} class={className} x1={from} x2={to.x} y1={INSTANCE.top + 30} y2={to.y} />;
        })}
      <g class={isUnshared ? "unused" : ""}>
        {replica && (
          <line
            class={`link ${replica.isLinked ? "" : "cut"}`}
            x1={PRIMARY_X}
            x2={REPLICA_X}
            y1={SERVER.top + 24}
            y2={SERVER.top + 24}
          />
        )}
        {primary && <ServerBox server={primary} x={PRIMARY_X} head={primary.position} />}
        {replica && <ServerBox server={replica} x={REPLICA_X} head={primary?.position} />}
      </g>
      {drawn.browsers.map((browser) => (
        <BrowserBox
          key={browser.number}
          browser={browser}
          right={drawn.right}
          head={headOf(side, primary)}
          onClick={onClick}
        />
      ))}
      {drawn.instances.map(({ number, state, position }) => (
        // biome-ignore lint/a11y/useSemanticElements: SVG has no buttons
        <g
          key={number}
          role="button"
          tabIndex={0}
          aria-pressed={number === chosen}
          aria-label={`Instance ${number}`}
          class={`part ${state} ${number === chosen ? "chosen" : ""}`}
          transform={`translate(${columnOf(number) - INSTANCE.width / 2} ${INSTANCE.top})`}
          onClick={() => onChoose(number)}
          onKeyDown={({ key }) => key === "Enter" && onChoose(number)}
        >
          <rect width={INSTANCE.width} height={INSTANCE.height} rx="8" />
          <text x={INSTANCE.width / 2} y="17">
            Instance {number}
          </text>
          <State state={state} position={position} head={headOf(side, primary)} x={INSTANCE.width / 2} y={35} />
        </g>
      ))}
      <g ref={layer} />
    </svg>
  );
}

function headOf(side: SideName, primary: ServerView | undefined): string | undefined {
  return side === "ours" ? primary?.position : undefined;
}

interface BrowserProps {
  readonly browser: BrowserView;
  readonly right: string | undefined;
  readonly head: string | undefined;
  readonly onClick: (browser: number, cell: number) => void;
}

function BrowserBox({ browser, right, head, onClick }: BrowserProps) {
  const { number, cells, position, isConnected, pending } = browser;
  const left = (BROWSER.width - ROW * BROWSER.cell) / 2;
  const below = !isConnected ? "offline" : pending > 0 ? `${pending} waiting` : undefined;
  return (
    <g
      class={`part ${isConnected ? "up" : "down"}`}
      transform={`translate(${columnOf(number) - BROWSER.width / 2} ${BROWSER.top})`}
      data-testid="lab-browser"
    >
      <rect width={BROWSER.width} height={BROWSER.height} rx="8" />
      <text x={BROWSER.width / 2} y="15">
        Browser {number}
      </text>
      {Array.from(cells, (value, cell) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: "Click a box" does the same
        <rect
          key={cell}
          class={`cell ${value === "1" ? "checked" : ""} ${right === undefined || value === right[cell] ? "" : "wrong"}`}
          x={left + (cell % ROW) * BROWSER.cell + 0.5}
          y={21 + Math.floor(cell / ROW) * BROWSER.cell}
          width={BROWSER.cell - 1}
          height={BROWSER.cell - 1}
          rx="1.5"
          onClick={() => onClick(number, cell)}
        />
      ))}
      {below === undefined ? (
        <Position position={position} head={head} x={BROWSER.width / 2} y={102} />
      ) : (
        <text class="note" x={BROWSER.width / 2} y="102">
          {below}
        </text>
      )}
    </g>
  );
}

function ServerBox({ server, x, head }: { server: ServerView; x: number; head: string | undefined }) {
  const { role, state, position } = server;
  return (
    <g
      class={`part ${state}`}
      transform={`translate(${x - SERVER.width / 2} ${SERVER.top})`}
      data-testid={`lab-${role}`}
    >
      <rect width={SERVER.width} height={SERVER.height} rx="8" />
      <text x={SERVER.width / 2} y="17">
        {role === "primary" ? "Valkey, primary" : "Valkey, replica"}
      </text>
      <State state={state} position={position} head={head} x={SERVER.width / 2} y={35} />
    </g>
  );
}

interface StateProps {
  readonly state: PartState;
  readonly position: string | undefined;
  readonly head: string | undefined;
  readonly x: number;
  readonly y: number;
}

const STATES: Readonly<Record<PartState, string>> = { starting: "starting …", up: "", hung: "hangs", down: "killed" };

function State({ state, ...where }: StateProps) {
  if (state === "up") return <Position {...where} />;
  return (
    <text class="note" x={where.x} y={where.y}>
      {STATES[state]}
    </text>
  );
}

/** Version and the first half of the tag, which is enough to tell tags apart. */
function Position({ position, head, x, y }: Omit<StateProps, "state">) {
  if (position === undefined) return null;
  const [version, tag = ""] = position.split(".");
  const isLevel = head === undefined || head === position;
  return (
    <text class={`position ${isLevel ? "" : "behind"}`} x={x} y={y}>
      <title>{position}</title>
      {tag ? `${version}.${tag.slice(0, 4)}` : `version ${version}`}
    </text>
  );
}
