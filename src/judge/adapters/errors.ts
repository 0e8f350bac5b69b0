/* Why a run cannot be made or finished. Each message is for the person at the terminal. */

/** The judged server cannot be used: it is not there, or answers with something else. */
export class BadAnswer extends Error {
  /** The HTTP status, or 0 if there was none. */
  readonly status: number;

  constructor(message: string, status = 0) {
    super(message);
    this.status = status;
  }
}

/** An option that cannot be used. */
export class BadChoice extends Error {}

/** The adapter file does not fit. */
export class BadAdapter extends Error {}

/** The person at the terminal has stopped the run. The message says what became of the boxes. */
export class Stopped extends Error {}

/** A scene cannot be played to its end. */
export class Interrupted extends Error {}
