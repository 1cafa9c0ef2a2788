import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";

/** How much of what qemu-img complains is kept. */
const complaintChars = 2000;

/** Asks before long work is begun. @throws TOOL_MISSING, the signal's reason */
export const requireQemuImg = async (signal: AbortSignal): Promise<void> => {
  const complaint = await qemuImg(["--version"], signal);
  if (complaint !== undefined) throw toolMissing(complaint);
};

/**
 * Converts an image file into another format; to raw it comes out sparse, in the size of the disk inside.
 * @returns what qemu-img complained of when it failed, else undefined
 * @throws TOOL_MISSING, the signal's reason
 */
export const convert = ({
  from,
  to,
  signal,
}: {
  readonly from: { readonly file: string; readonly format: string };
  readonly to: { readonly file: string; readonly format: string };
  readonly signal: AbortSignal;
}): Promise<string | undefined> =>
  // Absolute paths: qemu-img takes what stands before a colon in a relative one for a protocol.
  qemuImg(["convert", "-f", from.format, "-O", to.format, resolve(from.file), resolve(to.file)], signal);

const qemuImg = async (args: readonly string[], signal: AbortSignal): Promise<string | undefined> => {
  signal.throwIfAborted();
  // It writes nothing that is worth an orderly end, so it is killed for good.
  const child = spawn("qemu-img", args, { stdio: ["ignore", "ignore", "pipe"], signal, killSignal: "SIGKILL" });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-complaintChars);
  });
  const { code, error } = await new Promise<{ code: number | null; error?: Error }>((resolve) => {
    let error: Error | undefined;
    child.once("error", (reason) => {
      error = reason;
    });
    child.once("close", (code) => resolve(error === undefined ? { code } : { code, error }));
  });
  signal.throwIfAborted();
  if (error !== undefined) throw toolMissing(error.message, error);
  return code === 0 ? undefined : complaint.trim() || `it ended with ${code ?? "a signal"}`;
};

const toolMissing = (why: string, cause?: Error): VisibleError =>
  new VisibleError("TOOL_MISSING", `For images that are not raw qemu-img is needed, and it cannot be run: ${why}.`, {
    hint: "Install it: apt-get install qemu-utils (Debian, Ubuntu), dnf install qemu-img (RHEL, openEuler).",
    cause,
  });
