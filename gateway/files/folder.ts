import { constants, mkdir as makeOne, access as mayUse, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import { unlessAborted } from "../time/unless-aborted.ts";
import { asDiskError } from "./disk-errors.ts";
import { codeOf } from "./error-code.ts";
import { privateFolder } from "./private.ts";

export interface FolderOptions {
  /** 0o700 unless given; the umask is taken off. */
  readonly mode?: number;
  /** Ends the waiting for a disk that does not answer. */
  readonly signal?: AbortSignal;
  /** Replaced in tests. */
  readonly mkdir?: typeof makeOne;
  /** Replaced in tests, for root may use every folder. */
  readonly access?: typeof mayUse;
}

/**
 * Makes a folder where there is none, and those above it.
 * @throws VisibleError BAD_REQUEST when it can't be made, or this user may not write to it,
 * STORE_FULL, DISK_FAILED; the signal's reason
 */
export const makeFolder = async (path: string, options: FolderOptions = {}): Promise<void> => {
  const { mode = privateFolder, signal, mkdir = makeOne, access = mayUse } = options;
  const make = async () => {
    await madeBelow(path, (folder) => mkdir(folder, { mode }));
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  };
  try {
    await unlessAborted(signal, make());
  } catch (error) {
    if (signal?.aborted) throw error;
    const named = asDiskError(path, error);
    throw VisibleError.is(named) ? named : notMade(path, error);
  }
};

/** Node's `recursive` tries for ever below /proc, which has no room for folders and says ENOENT. */
const madeBelow = async (path: string, mkdir: (path: string) => Promise<unknown>): Promise<void> => {
  try {
    await unlessThere(path, mkdir);
  } catch (error) {
    const above = dirname(path);
    if (codeOf(error) !== "ENOENT" || above === path) throw error;
    await madeBelow(above, mkdir);
    await unlessThere(path, mkdir);
  }
};

const unlessThere = async (path: string, mkdir: (path: string) => Promise<unknown>): Promise<void> => {
  try {
    await mkdir(path);
  } catch (error) {
    const isThere = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
    if (!isThere) throw error;
  }
};

const whys: Readonly<Record<string, string>> = {
  EEXIST: "it is there, and is no folder",
  ENOTDIR: "something above it is no folder",
  EACCES: "this user may not",
  EPERM: "this user may not",
  ENOENT: "the system takes no folder there",
};

const notMade = (path: string, cause: unknown): VisibleError => {
  const why = whys[String(codeOf(cause))] ?? (cause instanceof Error ? cause.message : String(cause));
  return new VisibleError("BAD_REQUEST", `The folder ${path} can't be made or used: ${why}.`, {
    hint: "Name another one, in a folder that this user may write to.",
    cause,
  });
};
