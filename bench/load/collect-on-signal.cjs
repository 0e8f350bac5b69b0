/* Preloaded into a server whose memory is measured: collects garbage on SIGUSR2. */

process.on("SIGUSR2", () => global.gc());
