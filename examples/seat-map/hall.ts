/* The hall: eight rows of ten seats. A seat is a cell of the board. */

export const ROWS = "ABCDEFGH";
export const SEATS_IN_ROW = 10;
export const SEATS = ROWS.length * SEATS_IN_ROW;

export function seatName(seat: number): string {
  return `${ROWS[Math.floor(seat / SEATS_IN_ROW)]}${(seat % SEATS_IN_ROW) + 1}`;
}
