/*
 * The version of the /boards protocol. Increase it if an old client would misread a new server, or
 * the reverse. A client states its version in `open`; a server that does not support it refuses
 * with UNSUPPORTED_PROTOCOL.
 */

export const PROTOCOL_VERSION = 1;

/** The Socket.IO namespace of the paged protocol. */
export const BOARDS_NAMESPACE = "/boards";

/** The Socket.IO namespace of the teaching protocol, and its only board. */
export const TEACHING_NAMESPACE = "/";
export const TEACHING_BOARD = "main";
