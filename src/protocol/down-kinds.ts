/*
 * The kinds of the lane's messages to a client: the first byte of each. They are single constants,
 * imported together as `DOWN`, because a bundler then puts the numbers in place of the names.
 */

export const reply = 1;
export const acks = 2;
export const refusal = 3;
export const event = 4;
export const snapshot = 5;
export const overview = 6;
export const counts = 7;
export const delta = 8;
export const riceDelta = 9;
export const continuation = 10;
export const riceContinuation = 11;
export const beat = 12;
