import { bytesText } from "../../core/api/bytes.ts";
import { VisibleError } from "../../core/api/errors.ts";

/**
 * What Linux says when it can't read or write what a disk has: the device fails, is gone, or its
 * file system is damaged.
 */
const failureCodes: ReadonlySet<string> = new Set(["EIO", "EROFS", "ENXIO", "ENODEV", "ESTALE"]);
/**
 * EUCLEAN, which ext4 and XFS give when their structures are damaged, and which
 * Node has no name for.
 */
const uncleanErrno = 117;

/**
 * An error of a file operation by its name: STORE_FULL where there is no room, DISK_FAILED where
 * the disk is not able to. Anything else is given back as it is.
 */
export const asDiskError = (path: string, error: unknown): unknown => {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return storeFull(path, { cause: error });
  const failed = (code !== undefined && failureCodes.has(code)) || Math.abs(errno ?? 0) === uncleanErrno;
  return failed ? diskFailed(path, error) : error;
};

interface Room {
  readonly freeBytes: number;
  readonly reserveBytes: number;
}

/**
 * The disk has no room for what was written.
 * @param options.room where it was looked at: what is free, and how much of that has to stay so
 */
export const storeFull = (
  path: string,
  { room, cause }: { readonly room?: Room; readonly cause?: unknown } = {},
): VisibleError => {
  const why =
    room === undefined
      ? ""
      : `: ${bytesText(room.freeBytes)} are free, and ${bytesText(room.reserveBytes)} stay free for metadata`;
  return new VisibleError("STORE_FULL", `There is no space left for ${path}${why}.`, {
    hint: "Free or add disk space; deleting snapshot groups gives back what only they held.",
    cause,
  });
};

/** The disk can't do what it is there for. */
export const diskFailed = (path: string, cause: unknown): VisibleError => {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new VisibleError("DISK_FAILED", `The disk under ${path} has failed: ${said}.`, {
    hint: "Look at the kernel's log (dmesg) and at the disk. What was under way will be tried again.",
    cause,
  });
};
