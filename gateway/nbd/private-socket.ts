import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, lstat, rename, rm } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import { codeOf } from "../files/error-code.ts";
import { privateFile } from "../files/private.ts";
import { makePrivateFolder } from "../files/private-folder.ts";

/** Of Linux, with the zero behind it: `sun_path` in unix(7). */
const pathBytesMax = 107;

/** A socket in its place. */
export interface PrivateSocket {
  /** Whether it is still there, and not another one in its place. */
  isThere(): Promise<boolean>;
  /** Takes it away, if it is still there. */
  remove(): Promise<void>;
}

/**
 * Listens on a unix socket that is this user's alone. It gets its name when it has its mode, so
 * whoever finds it finds it private. A socket at which nobody listens any more is replaced.
 * @param options.replace also one at which somebody listens, who hears nothing more by that
 * @throws VisibleError BAD_REQUEST (the path is too long, or something else lies there; others may
 *   use the folder), CONFLICT (somebody listens there)
 */
export const listenPrivately = async (
  server: Server,
  path: string,
  { replace = false } = {},
): Promise<PrivateSocket> => {
  const folder = dirname(path);
  const unnamed = join(folder, `.${randomBytes(4).toString("hex")}`);
  for (const name of [path, unnamed]) assertShort(name);
  await makePrivateFolder(folder);
  await assertFree(path, replace);
  await listening(server, unnamed, path);
  const ino = await named(unnamed, path).catch(async (error: unknown) => {
    server.close();
    await rm(unnamed, { force: true });
    throw error;
  });
  const isThere = async () => (await lstat(path).catch(() => undefined))?.ino === ino;
  return {
    isThere,
    remove: async () => {
      if (await isThere()) await rm(path, { force: true });
    },
  };
};

/** Gives a socket its mode, and then its name. @returns its inode */
const named = async (unnamed: string, path: string): Promise<number> => {
  await chmod(unnamed, privateFile);
  const { ino } = await lstat(unnamed);
  await rename(unnamed, path);
  return ino;
};

const assertShort = (path: string): void => {
  if (Buffer.byteLength(path) <= pathBytesMax) return;
  throw new VisibleError("BAD_REQUEST", `The path ${path} is too long for a socket.`, {
    hint: `It may have ${pathBytesMax} bytes: choose a shorter folder.`,
  });
};

const assertFree = async (path: string, replace: boolean): Promise<void> => {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new VisibleError("BAD_REQUEST", `At ${path} there is something that is no socket.`, {
      hint: "Choose another path, or move away what lies there.",
    });
  }
  if (replace || (await isDead(path))) return;
  throw new VisibleError("CONFLICT", `Somebody listens at ${path} already.`, { hint: "Choose another path." });
};

/** Whether whoever listened has gone: one who is merely busy refuses in another way. */
export const isDead = async (path: string): Promise<boolean> => {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return codeOf(error) === "ECONNREFUSED" || codeOf(error) === "ENOENT";
  } finally {
    socket.destroy();
  }
};

const listening = async (server: Server, at: string, path: string): Promise<void> => {
  server.listen(at);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `No socket could be made at ${path}.`, {
      hint: "Choose another folder, on a file system that has sockets.",
      cause,
    });
  }
};
