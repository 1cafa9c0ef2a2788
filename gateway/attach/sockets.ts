import { createHash } from "node:crypto";
import { chmod, lstat, readdir, rename, rm } from "node:fs/promises";
import { createConnection, type Server } from "node:net";
import { join } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId } from "../../core/api/ids.ts";
import { codeOf } from "../files/error-code.ts";
import { makeFolder } from "../files/folder.ts";
import { privateFile, tighten } from "../files/private.ts";

/** Of a path in `sockaddr_un`, which ends with a zero: unix(7). */
const socketPathBytesMax = 107;
const nameForm = /^[0-9a-f]{12}\.(sock|new)$/;

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
 * The folder that attachments' sockets lie in: this user's alone, as are the sockets, which
 * gateways of one site on one host may share. The same attachment has the same path in it whoever
 * serves it, so that clients find it again.
 */
export class SocketFolder {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Takes away the sockets at which nobody listens any more: whoever made them has died. */
  async reap(): Promise<void> {
    const names = await readdir(this.#dir).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return [];
      throw error;
    });
    for (const name of names) {
      const path = join(this.#dir, name);
      if (nameForm.test(name) && (await isDead(path))) await rm(path, { force: true });
    }
  }

  /**
   * Has the server listen at the attachment's socket. One that is there is replaced in one step:
   * whoever listened at it lets go when he sees that.
   * @throws VisibleError BAD_REQUEST when the path is too long for a socket
   */
  async listen(server: Server, runId: RunId): Promise<PlacedSocket> {
    const path = join(this.#dir, `${nameOf(runId)}.sock`);
    refuseTooLong(path);
    await makeFolder(this.#dir);
    await tighten(this.#dir, { below: false });
    const before = path.replace(/sock$/, "new");
    await rm(before, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path: before }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    await chmod(before, privateFile);
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

const refuseTooLong = (path: string): void => {
  if (Buffer.byteLength(path) <= socketPathBytesMax) return;
  throw new VisibleError("BAD_REQUEST", `The path ${path} is too long for a socket.`, {
    hint: `Choose an attachDir with a shorter path in gateway.yaml: ${socketPathBytesMax} bytes at most, with the socket's name.`,
  });
};

/** A socket that is listened at takes a connection, or has no room for one. */
const isDead = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ path });
    const end = (dead: boolean) => {
      socket.destroy();
      resolve(dead);
    };
    socket.once("connect", () => end(false));
    socket.once("error", (error) => end(codeOf(error) === "ECONNREFUSED"));
  });
