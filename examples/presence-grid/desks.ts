/* The reading room: 24 desks. A desk is a cell of the board. */

export const DESKS = 24;
