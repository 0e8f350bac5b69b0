/* Times as options spell them. */

const TIME = /^([1-9]\d{0,5})([smhd])$/;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The ms of a text such as `30m` or `1d`. Undefined for other texts, and beyond `mostMs`. */
export function parseTime(text: string, mostMs: number): number | undefined {
  const [, count, unit = ""] = TIME.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN);
  return ms <= mostMs ? ms : undefined;
}
