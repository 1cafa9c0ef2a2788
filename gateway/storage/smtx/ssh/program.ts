import { spawn } from "node:child_process";
import { once } from "node:events";
import { endingWithUs } from "../../../processes/owned-process.ts";

/** Of what it says of its own; the first lines say why. */
const complaintCharactersMax = 4096;

export interface ProgramEnd {
  /** Undefined: it could not be started, or was ended by a signal. */
  readonly status: number | undefined;
  readonly complaint: string;
}

/**
 * Runs a program to its end. It ends with us, and when the signal is aborted.
 * @param onBytes takes what it writes; what that throws ends it as well
 * @throws what `onBytes` throws, the signal's reason
 */
export const runProgram = async (
  [program, ...parameters]: readonly [string, ...string[]],
  options: { readonly onBytes: (chunk: Buffer) => void; readonly signal: AbortSignal },
): Promise<ProgramEnd> => {
  const { onBytes, signal } = options;
  signal.throwIfAborted();
  const child = spawn(...endingWithUs(program, parameters), {
    stdio: ["ignore", "pipe", "pipe"],
    // What it complains of is matched, so it has to be in one language.
    env: { ...process.env, LC_ALL: "C" },
  });
  let complaint = "";
  let failure: { readonly error: unknown } | undefined;
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (complaint.length < complaintCharactersMax)
      complaint += text.slice(0, complaintCharactersMax - complaint.length);
  });
  child.stdout.on("data", (chunk: Buffer) => {
    if (failure !== undefined) return;
    try {
      onBytes(chunk);
    } catch (error) {
      failure = { error };
      kill();
    }
  });
  try {
    const [status] = await once(child, "close");
    signal.throwIfAborted();
    if (failure !== undefined) throw failure.error;
    return { status: status ?? undefined, complaint: complaint.trim() };
  } catch (error) {
    const isMissing = error instanceof Error && "syscall" in error && String(error.syscall).startsWith("spawn");
    if (!isMissing) throw error;
    return { status: undefined, complaint: `${error.message} (setpriv is part of util-linux)` };
  } finally {
    signal.removeEventListener("abort", kill);
  }
};
