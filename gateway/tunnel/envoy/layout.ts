import { join } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";
import type { SiteId } from "../../../core/api/ids.ts";

/** What a path of a unix socket may have on Linux (`sun_path` of 108, and its end). */
const socketPathBytesMax = 107;

/**
 * Where a gateway and its Envoy find each other: one folder, which only their user may look into.
 */
export interface EnvoyLayout {
  readonly dir: string;
  readonly bootstrap: string;
  /** Watched by Envoy, and replaced by a rename in the same folder. */
  readonly listeners: string;
  readonly clusters: string;
  readonly identity: string;
  readonly trust: string;
  readonly endpointsOf: (siteId: SiteId) => string;
  /** Unix sockets: Envoy's administration, the receiver, and for each other site the way there. */
  readonly adminSocket: string;
  readonly receiverSocket: string;
  readonly socketTo: (siteId: SiteId) => string;
}

/** @throws VisibleError BAD_REQUEST when the folder's path is too long for sockets in it */
export const layoutIn = (dir: string): EnvoyLayout => {
  const socket = (name: string) => {
    const path = join(dir, name);
    if (Buffer.byteLength(path) <= socketPathBytesMax) return path;
    throw new VisibleError("BAD_REQUEST", `The path ${path} is too long for a socket.`, {
      hint: `Choose an envoyDir with a shorter path: ${socketPathBytesMax} bytes at most, with the socket's name.`,
    });
  };
  return {
    dir,
    bootstrap: join(dir, "bootstrap.json"),
    listeners: join(dir, "listeners.json"),
    clusters: join(dir, "clusters.json"),
    identity: join(dir, "identity.json"),
    trust: join(dir, "trust.json"),
    endpointsOf: (siteId) => join(dir, `endpoints-${siteId}.json`),
    adminSocket: socket("admin.sock"),
    receiverSocket: socket("receiver.sock"),
    socketTo: (siteId) => socket(`to-${siteId}.sock`),
  };
};
