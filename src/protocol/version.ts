/*
 * The version of the /boards protocol. It grows when an old client would misread a new server or the reverse; a client
 * says its version in `open` and a server that does not speak it refuses with UNSUPPORTED_PROTOCOL.
 */

export const PROTOCOL_VERSION = 1;

/** The Socket.IO namespace of the paged protocol. */
export const BOARDS_NAMESPACE = "/boards";

/** That of the teaching protocol. */
export const TEACHING_NAMESPACE = "/";

/** The board that the teaching protocol speaks of. */
export const TEACHING_BOARD = "main";
