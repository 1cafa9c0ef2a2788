import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";
import { makeScratch, type Scratch } from "../../../gateway/storage/image/scratch.ts";

/** Of a path in `sockaddr_un`, which ends with a zero: unix(7). */
const socketPathBytesMax = 107;
/** The longest of the names that sockets have in the folder, with the slash. */
const nameBytesMax = 16;
const prefix = "smtx-backup-up-";
/** What makes the name unique. */
const suffixBytes = 6;

const isShortEnough = (base: string): boolean =>
  Buffer.byteLength(join(base, prefix)) + suffixBytes + nameBytesMax <= socketPathBytesMax;

const isOurs = async (base: string): Promise<boolean> => {
  const found = await stat(base).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.geteuid?.();
};

/**
 * Makes a folder of mode 0700 for sockets, with a path that is short enough for them: the data's
 * may be too long. Nobody but this user gets at what listens in it. What others of ours that were
 * killed have left of theirs goes.
 * @throws VisibleError BAD_REQUEST where every such path is too long
 */
export const makeRunFolder = async (env: Readonly<Record<string, string | undefined>>): Promise<Scratch> => {
  const ofTheUser = env["XDG_RUNTIME_DIR"];
  const bases = [...(ofTheUser !== undefined && (await isOurs(ofTheUser)) ? [ofTheUser] : []), ...[tmpdir(), "/tmp"]];
  const base = bases.find(isShortEnough);
  if (base !== undefined) return makeScratch(join(base, prefix));
  throw new VisibleError("BAD_REQUEST", `The path ${bases[0]} is too long for sockets in it.`, {
    hint: "Name a folder with a shorter path in TMPDIR.",
  });
};
