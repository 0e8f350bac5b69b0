/*
 * From observations to findings. A check passes only if its failure was provoked surely. If its
 * scene could not be played to its end, the check is "not observed".
 */

import { countOf } from "../../protocol/count.js";
import { CHECKS } from "./checks.js";
import type {
  BlindSeen,
  CatchUpSeen,
  CheckId,
  CrashSeen,
  DivergenceSeen,
  JoinSeen,
  LostSeen,
  MissedSeen,
  NotPlayed,
  Observations,
  OrderSeen,
  StallSeen,
  ToggleSeen,
} from "./observations.js";

export type Verdict = "passed" | "failed" | "not observed";

interface Ruling {
  readonly verdict: Verdict;
  /** One or two sentences about what was seen, or why nothing can be said. */
  readonly observed: string;
}

export interface Finding extends Ruling {
  readonly check: CheckId;
  readonly title: string;
  /** The step of the tutorial that explains it, 1 … 6. */
  readonly step: number;
}

/** A click that is lacking there may have been lost on the way, as others were. */
const LOSSY = `Not observed: connected clients also miss clicks (see "${CHECKS.missed.title}").`;

export function decide(seen: Observations): Finding[] {
  const isLossy = seen.strays > 0 || ("clicks" in seen.missed && seen.missed.missedWhileConnected > 0);
  const unlessLossy = (ruling: Ruling) => (isLossy && ruling.verdict === "failed" ? notObserved(LOSSY) : ruling);
  const rulings: Record<CheckId, Ruling> = {
    divergence: ruleOn(seen.divergence, onDivergence),
    lost: seen.vanished > 0 ? onVanished(seen) : ruleOn(seen.lost, onLost),
    order: ruleOn(seen.order, onOrder),
    toggle: ruleOn(seen.toggle, onToggle),
    join: unlessLossy(ruleOn(seen.join, onJoin)),
    missed: onMissed(seen.missed, seen.strays),
    catchUp: unlessLossy(ruleOn(seen.catchUp, onCatchUp)),
    blind: unlessLossy(ruleOn(seen.blind, onBlind)),
    crash: ruleOn(seen.crash, onCrash),
    stall: ruleOn(seen.stall, onStall),
  };
  return (Object.keys(rulings) as CheckId[]).map((check) => {
    const { title, step } = CHECKS[check];
    return { check, title, step, ...rulings[check] };
  });
}

function ruleOn<Seen extends object>(seen: Seen | NotPlayed, rule: (seen: Seen) => Ruling): Ruling {
  if ("notPlayed" in seen) return notObserved(`Not observed: ${seen.notPlayed}.`);
  return rule(seen);
}

const passed = (observed: string): Ruling => ({ verdict: "passed", observed });
const failed = (observed: string): Ruling => ({ verdict: "failed", observed });
const notObserved = (observed: string): Ruling => ({ verdict: "not observed", observed });

function onDivergence({ clicks, deaf, storedDifferently }: DivergenceSeen): Ruling {
  const [first] = deaf;
  if (first) {
    const more =
      deaf.length > 1 ? `, and the same is true of ${countOf(deaf.length - 1, "more pair")} of instances` : "";
    return failed(`None of the ${clicks} clicks at ${first.from} reached the clients of ${first.to}${more}.`);
  }
  if (storedDifferently > 0) {
    return failed(
      `The instances still store ${countOf(storedDifferently, "box", "boxes")} differently after everything went quiet.`,
    );
  }
  return passed("Clicks at each instance reached the clients of all others, and all instances store the same board.");
}

/** Clicks of other scenes vanished, of which few were made at the same moment. */
function onVanished({ lost, vanished }: Observations): Ruling {
  const together = ruleOn(lost, onLost);
  if (together.verdict === "failed") return together;
  const are = vanished === 1 ? "is" : "are";
  return failed(
    `${countOf(vanished, "click")} that the server acknowledged, or that clients showed, ${are} missing from the stored board.`,
  );
}

function onLost({ clicks, confirmed, acknowledged, refused, lost }: LostSeen): Ruling {
  if (lost > 0) {
    const how = acknowledged > 0 ? "acknowledged" : "shown to other clients";
    const [are, were] = lost === 1 ? ["is", "it was"] : ["are", "they were"];
    return failed(
      `${lost} of ${countOf(confirmed, "click")} made at the same moment ${are} missing from the stored board, although ${were} ${how}.`,
    );
  }
  const ignored = clicks - confirmed - refused;
  const limited = `the server ${refused > 0 ? `refused ${refused}` : `ignored ${ignored}`}, possibly because of a limit`;
  if (confirmed * 2 < clicks) return notObserved(`Of ${countOf(clicks, "click")} made at the same moment, ${limited}.`);
  const all = `All ${countOf(confirmed, "confirmed click")} are in the stored board`;
  return passed(confirmed < clicks ? `${all}. Of ${clicks} made, ${limited}.` : `${all}.`);
}

function onOrder({ boxes, differing, unexplained, areInstances }: OrderSeen): Ruling {
  if (differing > 0) {
    return failed(
      `Two clients set ${countOf(boxes, "box", "boxes")} at the same moment. Other clients received both clicks on each box, but now show ${differing} of the boxes differently.`,
    );
  }
  if (unexplained > 0) {
    return notObserved(
      `Clients show ${countOf(unexplained, "box", "boxes")} differently, but one of them missed a click.`,
    );
  }
  const where = areInstances ? "at different instances" : "at one instance";
  return passed(
    `Two clients ${where} set ${countOf(boxes, "box", "boxes")} at the same moment. All clients show the same values.`,
  );
}

function onToggle({ tries, flipped }: ToggleSeen): Ruling {
  if (flipped === tries) {
    return failed(
      `Two clients set a box to the same value. In ${flipped} of ${tries} tries, it had the other value afterwards.`,
    );
  }
  if (flipped > 0)
    return notObserved(`A box changed back in ${flipped} of ${tries} tries: somebody else may have clicked it.`);
  return passed(`Two clients set a box to the same value, ${tries} times. It kept that value.`);
}

/** That nothing was missed proves nothing: the bad moment may last microseconds. */
function onJoin({ newcomers, clicks, lacking }: JoinSeen): Ruling {
  if (lacking > 0) {
    return failed(`${lacking} of ${countOf(newcomers, "newcomer")} missed clicks that were made while they joined.`);
  }
  return notObserved(
    `None of ${countOf(newcomers, "newcomer")} missed any of ${countOf(clicks, "click")} made while they joined. There may still be a moment, too short for the judge to hit, in which clicks are missed.`,
  );
}

/** A click that never arrived is a failure, even if the scene could not be played therefore. */
function onMissed(seen: MissedSeen | NotPlayed, strays: number): Ruling {
  const none = { clicks: 0, missedWhileConnected: 0, missedWhileCut: 0, missedAfter: 0 };
  const { clicks, missedWhileConnected, missedWhileCut, missedAfter } = "notPlayed" in seen ? none : seen;
  const connected = missedWhileConnected + strays;
  const parts = [
    ...(connected > 0 ? [`${countOf(connected, "click")} never reached a client that was connected.`] : []),
    ...(missedWhileCut > 0
      ? [`A client that was cut off during ${clicks} clicks lacks ${missedWhileCut} of them after it connected again.`]
      : []),
    ...(missedAfter > 0
      ? [`${countOf(missedAfter, "later click")} never reached the client that had connected again.`]
      : []),
  ];
  if (parts.length > 0) return failed(parts.join(" "));
  return ruleOn(seen, () =>
    passed(`A client was cut off during ${clicks} clicks and connected again. It shows all of them.`),
  );
}

function onCatchUp({ clicks, lacking, isElsewhere }: CatchUpSeen): Ruling {
  const where = isElsewhere ? " through another instance" : "";
  if (lacking > 0) {
    return failed(
      `A client returned${where} with an empty screen and lacks ${lacking} of ${clicks} clicks made meanwhile.`,
    );
  }
  return passed(`A client returned${where} with an empty screen and shows all ${clicks} clicks made meanwhile.`);
}

function onBlind(seen: BlindSeen): Ruling {
  const { clicks, refused, lacking, disconnected, isOtherRefused, isOtherHeard, reading, readings } = seen;
  const busy = `While one client made ${countOf(clicks, "click")} in one go`;
  if (disconnected > 0) return failed(`${busy}, ${countOf(disconnected, "other client")} lost the connection.`);
  if (lacking > 0) return failed(`${busy}, another client missed ${lacking} of them permanently.`);
  if (!isOtherHeard) return failed(`${busy}, the click of another client never arrived.`);
  if (reading === "refused") {
    return failed(
      `After one address had read the board ${readings} times, the server refused the board to another address.`,
    );
  }
  if (isOtherRefused || refused * 2 > clicks) {
    const whose = isOtherRefused ? "the click of another client" : `${refused} of them`;
    return notObserved(
      `${busy}, the server refused ${whose}. It may limit each address, and all clients of the judge share one.`,
    );
  }
  const limited = refused > 0 ? ` The server refused ${refused} of them.` : "";
  return passed(`${busy}, the others received them and stayed connected, and their own clicks arrived.${limited}`);
}

function onCrash({ messages, ending, isBack, damage }: CrashSeen): Ruling {
  if (ending !== undefined && messages === 0) {
    return failed(`All clients lost their connections although they only clicked, during "${ending}".`);
  }
  if (ending !== undefined) {
    const after = isBack
      ? "The server accepted new clients a moment later"
      : "The server accepted no new client for some seconds";
    return failed(`After ${ending}, other clients lost their connections. ${after}.`);
  }
  if (damage !== undefined) return failed(`After ${countOf(messages, "hostile message")}, ${damage}.`);
  return passed(
    `After ${countOf(messages, "hostile message")}, all other clients are connected and the board is undamaged.`,
  );
}

function onStall({ messages, worstMs, usualMs, stalling, waitedMs }: StallSeen): Ruling {
  const usual = `at the start of the run, a click took at most ${usualMs.toFixed(0)} ms`;
  if (stalling !== undefined) {
    return failed(`After ${stalling}, no click arrived within ${(waitedMs / 1_000).toFixed(1)} s; ${usual}.`);
  }
  return passed(
    `During ${countOf(messages, "hostile message")}, the slowest ordinary click took ${worstMs.toFixed(0)} ms; ${usual}.`,
  );
}
