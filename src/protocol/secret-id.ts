/* Ids that clients draw and keep secret: of sessions and of visitors. */

/** 16 bytes in base64url. */
export const SECRET_ID = /^[\w-]{22}$/;
