/*
 * When a floor sends: at each frame's due time, and it sleeps until then, as send-floor.c does. A timer that looked more
 * often would be on the floor's bill, and what is compared with it would seem cheaper than it is.
 */

export function eachFrame(framesPerSecond: number, send: () => void): void {
  const everyMs = 1_000 / framesPerSecond;
  const startMs = performance.now();
  let sent = 0;
  // From the start, not from the last frame: what one timer is late by is not handed on.
  const sleep = () => void setTimeout(sendOne, startMs + (sent + 1) * everyMs - performance.now());
  const sendOne = () => {
    send();
    sent++;
    sleep();
  };
  sleep();
}
