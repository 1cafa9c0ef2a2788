import { createHash } from "node:crypto";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { join } from "node:path";
import type { RunId } from "../../core/api/ids.ts";
import { codeOf } from "../files/error-code.ts";
import { listenPrivately } from "../nbd/private-socket.ts";

const nameForm = /^(\.[0-9a-f]{8}|[0-9a-f]{12}\.(sock|new))$/;

/** What an attachment's socket is called, whichever gateway serves it. */
const nameOf = (runId: RunId): string => createHash("sha256").update(runId).digest("hex").slice(0, 12);

/** A socket that is listened at, in its place. */
export interface PlacedSocket {
  readonly path: string;
  /** Whether it is still there, and not another gateway's in its place. */
  isThere(): Promise<boolean>;
  /** Takes it away, if it is still there. */
  remove(): Promise<void>;
}

/**
 * The folder that attachments' sockets lie in: this user's alone, as are the sockets, and shared by
 * the gateways of one site on one host. An attachment has the same path in it whoever serves it, so
 * that clients find it again.
 */
export class SocketFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Takes away the sockets at which nobody listens any more: whoever made them has died. */
  async reap(): Promise<void> {
    const names = await readdir(this.dir).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return [];
      throw error;
    });
    for (const name of names) {
      const path = join(this.dir, name);
      if (nameForm.test(name) && (await isDead(path))) await rm(path, { force: true });
    }
  }

  /**
   * Has the server listen at the attachment's socket. One that is there is replaced in one step,
   * also one of a gateway that hangs: that lets go when it sees that.
   * @throws VisibleError BAD_REQUEST, when the path is too long for a socket
   */
  async listen(server: Server, runId: RunId): Promise<PlacedSocket> {
    const path = join(this.dir, `${nameOf(runId)}.sock`);
    const before = path.replace(/sock$/, "new");
    await rm(before, { force: true });
    await listenPrivately(server, before);
    const { ino } = await lstat(before);
    await rename(before, path);
    const isThere = async () => (await lstat(path).catch(() => undefined))?.ino === ino;
    return {
      path,
      isThere,
      remove: async () => {
        if (await isThere()) await rm(path, { force: true });
      },
    };
  }
}

/** A socket that is listened at takes a connection, or has no room for one. */
const isDead = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ path });
    const end = (dead: boolean) => {
      socket.destroy();
      resolve(dead);
    };
    socket.once("connect", () => end(false));
    socket.once("error", (error) => end(codeOf(error) === "ECONNREFUSED"));
  });
