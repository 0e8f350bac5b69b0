/*
 * The address of Valkey as one URL, in three forms:
 *
 *     valkey://user:password@host:6379/0                   one server
 *     valkey+cluster://user:password@host:7000,host:7001   a Valkey Cluster, by some of its servers
 *     valkey+sentinel://user:password@host:26379,host:26379/name
 *                                                          the primary that Sentinel calls `name`
 *
 * `valkeys` instead of `valkey` means TLS, to Sentinels too. `redis` and `rediss` are synonyms. The
 * user and password are for the servers; separate options hold those for Sentinels. The URL
 * standard allows only one host, so these URLs are parsed here.
 */

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The user and password for Sentinels. */
export interface SentinelAccess {
  readonly username?: string | undefined;
  readonly password: string;
}

export interface Pem {
  /** Certificates of the authorities to trust instead of Node's own, as PEM. */
  readonly ca?: string | undefined;
  /** The client certificate and its key, as PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

interface Access extends Pem {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
  readonly nat?: NatMap;
}

/** Announced `host:port` -> the address that is reachable from here. */
export type NatMap = ReadonlyMap<string, Endpoint>;

export type ValkeyAddress = Access &
  (
    | { readonly kind: "single"; readonly endpoint: Endpoint; readonly database: number }
    | { readonly kind: "cluster"; readonly seeds: readonly Endpoint[] }
    | {
        readonly kind: "sentinel";
        readonly sentinels: readonly Endpoint[];
        readonly name: string;
        readonly sentinelAccess?: SentinelAccess;
      }
  );

const ADDRESS =
  /^(?:valkey|redis)(?<tls>s?)(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?#]+)(?:\/(?<path>[^/?#]*))?$/;
const HOST = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[^:[\]\s]+))(?::(?<port>\d{1,5}))?$/;
const DEFAULT_PORTS = { single: 6_379, cluster: 6_379, sentinel: 26_379 };

/** Parses the URL. Undefined if it is malformed. */
export function parseValkeyUrl(text: string): ValkeyAddress | undefined {
  const parts = ADDRESS.exec(text)?.groups;
  if (!parts) return undefined;
  const kind = parts.kind === "cluster" || parts.kind === "sentinel" ? parts.kind : "single";
  const endpoints = (parts.hosts ?? "").split(",").map((host) => parseEndpoint(host, DEFAULT_PORTS[kind]));
  const known = endpoints.filter((endpoint) => endpoint !== undefined);
  const [first] = known;
  const username = decoded(parts.user);
  const password = decoded(parts.password);
  if (!first || known.length < endpoints.length || username === null || password === null) return undefined;
  const access = { username, password, tls: parts.tls === "s" };
  const path = decoded(parts.path) ?? "";
  if (kind === "cluster") return path === "" ? { ...access, kind, seeds: known } : undefined;
  if (kind === "sentinel") return path !== "" ? { ...access, kind, sentinels: known, name: path } : undefined;
  if (known.length > 1 || !/^\d{0,5}$/.test(path)) return undefined;
  return { ...access, kind, endpoint: first, database: Number(path) };
}

/** Parses `10.0.0.5:7000=localhost:7000,…`. Undefined if malformed. */
export function parseNatMap(text: string): NatMap | undefined {
  const map = new Map<string, Endpoint>();
  for (const entry of text === "" ? [] : text.split(",")) {
    const [announced, used, ...more] = entry.split("=").map((each) => parseEndpoint(each, undefined));
    if (!announced || !used || more.length > 0 || map.has(formatEndpoint(announced))) return undefined;
    map.set(formatEndpoint(announced), used);
  }
  return map;
}

/** The address at which the server that announces `endpoint` is reachable from here. */
export function reachable({ nat }: Pick<ValkeyAddress, "nat">, endpoint: Endpoint): Endpoint {
  return nat?.get(formatEndpoint(endpoint)) ?? endpoint;
}

export function tlsOptions({ ca, cert, key }: Pem): Pem {
  return { ca, cert, key };
}

/**
 * The announced host, or the host that was asked: a server that does not know its own announces
 * nothing or `?`.
 */
export function knownHost(host: string, asked: Endpoint): string {
  return host === "" || host === "?" ? asked.host : host;
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Works on malformed URLs too, because the malformed part may be the password. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/.*@/s, "//***@");
}

function parseEndpoint(text: string, defaultPort: number | undefined): Endpoint | undefined {
  const parts = HOST.exec(text.trim())?.groups;
  const host = parts?.v6 ?? parts?.name;
  const port = Number(parts?.port ?? defaultPort);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** The percent-decoded text; undefined if empty, null if malformed. */
function decoded(text: string | undefined): string | undefined | null {
  if (text === undefined || text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
