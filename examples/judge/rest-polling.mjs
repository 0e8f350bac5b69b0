/*
 * An adapter for boards over HTTP that clients poll. `GET /boxes` answers [0, 1, …], and
 * `PUT /boxes/7` with {"value": true} is a click.
 *
 *     npx socketscaler judge http://localhost:3000 --adapter examples/judge/rest-polling.mjs
 */

/** As often as the app polls. */
const EVERY_MS = 100;

export default {
  name: "REST with polling",

  read: (visit) => visit.get("boxes"),

  async open(visit, screen) {
    await visit.turn();
    screen.board(await visit.get("boxes"));
    let timer;
    let hasLeft = false;
    const poll = async () => {
      try {
        screen.board(await visit.get("boxes"));
      } catch {
        // The next poll asks again, as the app does.
      }
      if (!hasLeft) timer = setTimeout(poll, EVERY_MS);
    };
    timer = setTimeout(poll, EVERY_MS);
    return {
      async set(index, value) {
        const response = await fetch(`${visit.url}/boxes/${encodeURIComponent(index)}`, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ value }),
        });
        await response.body?.cancel();
        return response.ok;
      },
      // A client that polls has no connection to cut: it stops asking.
      close() {
        hasLeft = true;
        clearTimeout(timer);
      },
    };
  },
};
