/* Preloaded into a server whose memory is measured: collects garbage when told to, so that what is left is in use. */

process.on("SIGUSR2", () => global.gc());
