/* How well connections carry: asked for each message, so that it can change at any moment. */

export interface Weather {
  /** How long a command or an answer takes. */
  delayMs(): number;
  /** How long a piece of news takes. */
  newsMs(): number;
  losesNews(): boolean;
  /** When a piece of news is told again, if it is. */
  repeatMs(): number | undefined;
  /** How long until a lost connection stands again. */
  reconnectMs(): number;
}
