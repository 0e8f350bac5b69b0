/* How an app says where the instances are to be found, and who its user is. */

/** Returns the user's token. */
export type GetToken = () => string | Promise<string>;

export interface ConnectOptions {
  /** For boards that need a token. Called for a fresh token whenever a connection is made. */
  readonly token?: GetToken;
  /**
   * Keeps a secret id in the browser's `localStorage`. So an anonymous visitor keeps what is theirs
   * on boards with claims after a reload, and in other tabs.
   */
  readonly remember?: boolean;
  /** `path` of the app's `new Server(http, { path })`, below the URL's. Default: `/socket.io`. */
  readonly path?: string;
  /**
   * `LANE_PATH` of the instances, below the URL's. Default: `/socketscaler`. `false` uses Socket.IO
   * only.
   */
  readonly lanePath?: string | false;
}

export interface ConnectionOptions extends ConnectOptions {
  /** The id that an anonymous visitor keeps. */
  readonly visitor?: string | undefined;
  /** Calls `online` whenever the network may be back, until the returned function is called. */
  readonly onOnline?: (online: () => void) => () => void;
}
