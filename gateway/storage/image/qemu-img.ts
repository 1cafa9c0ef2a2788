import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { VisibleError } from "../../../core/api/errors.ts";
import { endingWithUs } from "../../processes/owned-process.ts";

/** How much of what qemu-img complains is kept. */
const complaintChars = 2000;
/**
 * How long a call may take, and how much more for each byte that it may have to look at. No disk
 * that works is so slow.
 */
const limitSecondsLeast = 600;
const slowestBytesPerSecond = 4e6;

export interface QemuImage {
  readonly file: string;
  /** qemu's name for it. */
  readonly format: string;
}

export interface QemuImgOptions {
  readonly signal: AbortSignal;
  /** Of the image, or of the disk in it, where it may all be read. */
  readonly sizeBytes?: number;
  /** Called for each line that it prints. */
  readonly onLine?: (line: string) => void;
}

export interface QemuImgEnd {
  /** Null when it was ended by a signal, ours after too long a time for instance. */
  readonly code: number | null;
  /** What it said on standard error; never empty when `code` is not 0. */
  readonly complaint: string;
}

/** Asks before long work is begun. @throws TOOL_MISSING, the signal's reason */
export const requireQemuImg = async (signal: AbortSignal): Promise<void> => {
  const { code, complaint } = await qemuImg(["--version"], { signal });
  if (code !== 0) throw toolMissing(complaint);
};

/**
 * Converts an image file into another format; to raw it comes out sparse, in the
 * size of the disk inside.
 * @returns what qemu-img complained of when it failed, else undefined
 * @throws TOOL_MISSING, the signal's reason
 */
export const convert = async ({
  from,
  to,
  ...options
}: {
  readonly from: QemuImage;
  readonly to: QemuImage;
  readonly signal: AbortSignal;
  /** Of the disk. */
  readonly sizeBytes: number;
}): Promise<string | undefined> => {
  const { code, complaint } = await qemuImg(["convert", "-O", to.format, named(from), resolve(to.file)], options);
  return code === 0 ? undefined : complaint;
};

/**
 * Names an image so that qemu-img takes it for exactly this: nothing is guessed, no name is taken
 * for a protocol. A VHD has the size that its footer says: what Virtual PC rounded it down to would
 * cut disks of others.
 */
export const named = ({ file, format }: QemuImage): string =>
  `json:${JSON.stringify({
    driver: format,
    ...(format === "vpc" && { force_size_calc: "current_size" }),
    file: { driver: "file", filename: resolve(file) },
  })}`;

/** Runs it to its end, within a limit. @throws TOOL_MISSING, the signal's reason */
export const qemuImg = async (args: readonly string[], options: QemuImgOptions): Promise<QemuImgEnd> => {
  const { signal, sizeBytes = 0, onLine } = options;
  signal.throwIfAborted();
  const limitSeconds = Math.round(limitSecondsLeast + sizeBytes / slowestBytesPerSecond);
  const limit = AbortSignal.timeout(limitSeconds * 1000);
  // It writes nothing that is worth an orderly end, so it is killed for good; and it ends with us,
  // however we end.
  const child = spawn(...endingWithUs("qemu-img", args), {
    stdio: ["ignore", onLine === undefined ? "ignore" : "pipe", "pipe"],
    signal: AbortSignal.any([signal, limit]),
    killSignal: "SIGKILL",
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-complaintChars);
  });
  if (child.stdout !== null && onLine !== undefined) {
    createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on("line", onLine);
  }
  const { code, error } = await new Promise<{ code: number | null; error?: Error }>((resolve) => {
    let error: Error | undefined;
    child.once("error", (reason) => {
      error = reason;
    });
    child.once("close", (code) => resolve(error === undefined ? { code } : { code, error }));
  });
  signal.throwIfAborted();
  if (limit.aborted) return { code: null, complaint: `it did not end within ${limitSeconds} seconds` };
  if (error !== undefined) throw toolMissing(`${error.message} (setpriv is part of util-linux)`, error);
  return { code, complaint: complaint.trim() || `it ended with ${code ?? "a signal"}` };
};

const toolMissing = (why: string, cause?: Error): VisibleError =>
  new VisibleError("TOOL_MISSING", `For images that are not raw qemu-img is needed, and it cannot be run: ${why}.`, {
    hint: "Install it: apt-get install qemu-utils (Debian, Ubuntu), dnf install qemu-img (RHEL, openEuler).",
    cause,
  });
