/* The lab: a cluster on this machine, drawn while it works, with buttons that break it. */

import { render } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Hop, LabOrder, LabView, SideView, Trial } from "../protocol/lab.js";
import { Controls, NAIVE_NAMES } from "./lab/controls.js";
import { Drawing, type Drawn } from "./lab/drawing.js";
import { bringIntoView, SHOWN_AT, stageMs } from "./lab/motion.js";
import { followReports, sendOrder } from "./lab/orders.js";
import { EarlierResults, Positions, Result, summaryOf, toneOf } from "./lab/results.js";
import { Tutorial } from "./lab/tutorial.js";
import { SiteHeader } from "./site-header.js";

const NO_HOPS: readonly Hop[] = [];

function Lab() {
  const [view, setView] = useState<LabView>();
  const [late, setLate] = useState<Late>();
  const [hops, setHops] = useState(NO_HOPS);
  const [isLost, setLost] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [chosen, setChosen] = useState(2);
  const [step, setStep] = useState<number | undefined>(stepInAddress);
  useEffect(
    () =>
      followReports(({ view: next, hops: seen }) => {
        if (seen) setHops(seen);
        if (!next) return;
        setView(next);
        for (const [part, stage] of Object.entries(SHOWN_AT)) {
          setTimeout(() => setLate((before) => ({ ...(before ?? shownAll(next)), [part]: next })), stageMs(stage));
        }
      }, setLost),
    [],
  );
  const drawings = useRef<HTMLDivElement>(null);
  const order = useCallback(async (what: LabOrder) => {
    if (what.action !== "naive" && drawings.current) bringIntoView(drawings.current);
    const refusal = await sendOrder(what);
    setProblem(refusal);
    return refusal === undefined;
  }, []);
  if (!view || !late) return <p class="loading">Loading …</p>;
  const open = (number: number) => {
    history.replaceState(undefined, "", `#step-${number}`);
    setStep(number);
  };
  const drawing = (side: "ours" | "naive", title: string) => (
    <figure>
      <figcaption>{title}</figcaption>
      <Drawing
        side={side}
        title={title}
        isUnshared={side === "naive" && view.naive?.kind === "island"}
        drawn={drawnOf(side, view, late)}
        hops={hops}
        chosen={chosen}
        onChoose={setChosen}
        onClick={(target, cell) => order({ action: "click", target, cell, side })}
      />
    </figure>
  );
  const [newest, ...earlier] = view.trials;
  const trouble = isLost
    ? "The demo does not answer. Start it again: npm run demo"
    : (problem ?? (view.busy ? undefined : view.problem));
  const tone = trouble ? "bad" : view.busy || !newest ? undefined : toneOf(newest);
  return (
    <>
      <a class="skip" href="#tutorial">
        Skip to the tutorial
      </a>
      <SiteHeader page="Lab">
        <p>Real processes on this machine. Break them, and watch what happens.</p>
      </SiteHeader>
      <main class="lab">
        <div class="stage">
          <div class={view.naive ? "drawings both" : "drawings"} ref={drawings}>
            {drawing("ours", "SocketScaler")}
            {view.naive && drawing("naive", `Naive: ${NAIVE_NAMES[view.naive.kind]}`)}
          </div>
          <Legend />
          <p class="status" role="status" id="lab-status" data-testid="lab-busy" data-tone={tone}>
            {trouble ?? view.busy ?? summaryNow(newest)}
          </p>
          {newest && <Result trial={newest} />}
        </div>
        <div class="texts">
          <Tutorial number={step} isBusy={view.busy !== undefined} trials={view.trials} onOpen={open} order={order} />
        </div>
        <div class="tools">
          <Controls view={view} chosen={chosen} onChoose={setChosen} order={order} />
          <Positions view={view} />
          <Links view={view} />
          <EarlierResults trials={earlier} />
        </div>
      </main>
    </>
  );
}

function summaryNow(newest: Trial | undefined): string {
  return newest ? summaryOf(newest) : "Ready. Press any button: the result appears here, with measured times.";
}

function Legend() {
  return (
    <p class="legend" data-testid="lab-legend">
      <span class="dot-sign">3</span> A dot is a message, slowed down; a dot with a number is that many messages.{" "}
      <span class="box-sign" /> A box with a red outline differs from the store. A position is version.tag and names one
      state of the board; a <span class="behind">yellow</span> one is behind.
    </p>
  );
}

/** The view of each kind of part, as its dots have reached it. */
type Late = Readonly<Record<keyof typeof SHOWN_AT, LabView>>;

function shownAll(view: LabView): Late {
  return { primary: view, replica: view, instances: view, browsers: view };
}

/**
 * Positions and boxes follow the dots. Whether a part runs is shown at once. Valkey's positions are
 * SocketScaler's: the naive versions have none there.
 */
function drawnOf(side: "ours" | "naive", now: LabView, late: Late): Drawn {
  const sideOf = (view: LabView): SideView | undefined => view[side];
  const server = (index: number) => {
    const present = now.servers[index];
    const shown = late[present?.role ?? "primary"].servers[index];
    return present ? [{ ...present, position: side === "ours" ? shown?.position : undefined }] : [];
  };
  const [instances, browsers] = [sideOf(late.instances)?.instances, sideOf(late.browsers)?.browsers];
  return {
    servers: [...server(0), ...server(1)],
    instances: (sideOf(now)?.instances ?? []).map((each, index) => ({
      ...each,
      position: instances?.[index]?.position,
    })),
    browsers: (sideOf(now)?.browsers ?? []).map((each, index) => {
      const shown = browsers?.[index];
      return shown ? { ...each, cells: shown.cells, position: shown.position } : each;
    }),
    right: sideOf(late.browsers)?.right,
  };
}

function Links({ view }: { view: LabView }) {
  const urls = view.ours.instances.map(({ url }) => url);
  const panes = `${urls[0]}/demo?ports=${urls.map((url) => new URL(url).port).join(",")}`;
  return (
    <p class="links">
      The browsers above are programs that use the client library. Open in your own browser:{" "}
      {urls.map((url, index) => (
        <a key={url} href={url} target="_blank" rel="noreferrer">
          instance {index + 1}
        </a>
      ))}
      <a href={panes} target="_blank" rel="noreferrer">
        all four side by side
      </a>
    </p>
  );
}

function stepInAddress(): number | undefined {
  const [, number] = /^#step-([1-6])$/.exec(location.hash) ?? [];
  return number === undefined ? undefined : Number(number);
}

const root = document.getElementById("page");
if (!root) throw new Error("lab.html has no #page");
render(<Lab />, root);
