/**
 * How long bodies travel between gateways. A peer asks for a connection of its own:
 *
 *     GET /v1/uploads
 *     Connection: upgrade
 *     Upgrade: smtx-backup-upload
 *
 * and after `101 Switching Protocols`, or a refusal in HTTP as for any request, it sends uploads
 * over it, one behind the other, each when the one before was answered:
 *
 * - Of the sender, records: a u32, little-endian, and so many bytes. The first record of an upload
 *   is its path (UTF-8), the others are its body, and one of no bytes is its end.
 * - Of the receiver, lines: an empty one whenever 5 s have passed and the upload is not answered
 *   yet, and then the answer, which is JSON: what there is to say, or
 *   `{error: {code, message, hint}}`. An answer may come before the upload's end: the sender breaks
 *   off by ending the connection, or sends the end, which the receiver waits 5 s for.
 *
 * A body in HTTP/1.1 would say the same, but in Node it costs a copy of every chunk at the sender
 * and a parser's call for every 16 KiB at the receiver: an eighth more CPU time of a full copy
 * without compression.
 */
export const uploadsPath = "/v1/uploads";
export const uploadProtocol = "smtx-backup-upload";
export const lengthBytes = 4;
export const pathBytesMax = 4096;
