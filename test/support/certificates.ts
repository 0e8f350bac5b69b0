/* An authority and a server's certificate signed by it, made with openssl, for 127.0.0.1. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificates {
  /** Files. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** `host` is what the server's certificate names. */
export function makeCertificates(folder: string, host = "IP:127.0.0.1"): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-days",
    "2",
    "-subj",
    "/CN=Test authority",
  );
  openssl("req", ...newKey, "-keyout", file("server.key"), "-out", file("server.csr"), "-subj", "/CN=valkey");
  writeFileSync(file("names"), `subjectAltName=${host}\n`);
  const signing = [
    "-CA",
    file("ca.pem"),
    "-CAkey",
    file("ca.key"),
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    file("names"),
  ];
  openssl("x509", "-req", "-in", file("server.csr"), "-out", file("server.pem"), ...signing);
  return { ca: file("ca.pem"), cert: file("server.pem"), key: file("server.key") };
}
