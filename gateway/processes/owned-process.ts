import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** A process that we have started, and that ends when we do, however we end. */
export interface OwnedProcess {
  /** Undefined for one that could not be started. */
  readonly pid: number | undefined;
  /**
   * Resolves when it has ended, with how: `exit 3`, `signal SIGKILL`, or why it
   * could not be started.
   */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  /** The last 4 KB of what it wrote to its two outputs, unless they go into a file. */
  lastOutput(): string;
  /**
   * Asks it to end (SIGTERM), kills it when it has not after a while, and waits until it is gone.
   */
  stop(): Promise<void>;
}

export interface OwnedProcessOptions {
  readonly command: string;
  readonly parameters: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /**
   * How it learns that we are gone: by a SIGTERM, which `setpriv` of util-linux asks the kernel
   * for; or by the end of its standard input, where it looks at that.
   */
  readonly endsBy: "signal" | "input";
  /** Where what it writes goes: an open file's descriptor, or who takes each line. */
  readonly output?: number | { readonly stdout: (line: string) => void; readonly stderr: (line: string) => void };
  /** So long it may take to end when it is asked to. */
  readonly stopMs?: number;
}

const outputBytesMax = 4096;
const stopMsOtherwise = 5_000;

/**
 * Starts a command that ends with us. It has our folder and our environment unless told otherwise.
 */
export const startOwned = (options: OwnedProcessOptions): OwnedProcess => {
  const { output, stopMs = stopMsOtherwise } = options;
  const child = spawned(options);
  let ended = false;
  let last = "";
  const keep = (text: string): void => {
    last = (last + text).slice(-outputBytesMax);
  };
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", keep);
  if (typeof output === "object") {
    eachLine(child.stdout, output.stdout);
    eachLine(child.stderr, output.stderr);
  }
  // It may be gone before its input is closed.
  child.stdin?.on("error", (error) => keep(`\n${error.message}`));
  const end = howItEnds(child, options).then((how) => {
    ended = true;
    return how;
  });
  return {
    pid: child.pid,
    ended: end,
    hasEnded: () => ended,
    lastOutput: () => last.trim(),
    async stop() {
      if (ended) return;
      const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
      child.kill("SIGTERM");
      await end;
      clearTimeout(late);
    },
  };
};

const spawned = ({ command, parameters, cwd, env, endsBy, output }: OwnedProcessOptions): ChildProcess => {
  const out = typeof output === "number" ? output : "pipe";
  const options = {
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env }),
    stdio: [endsBy === "input" ? "pipe" : "ignore", out, out] as ("pipe" | "ignore" | number)[],
    // In a group of its own: Ctrl-C is for us, and we stop it when nobody needs it any more.
    detached: true,
  };
  return endsBy === "input"
    ? spawn(command, parameters, options)
    : spawn(...endingWithUs(command, parameters), options);
};

/**
 * @returns what to start instead of a command so that the kernel ends it, by a
 * SIGTERM, when we are gone
 */
export const endingWithUs = (command: string, parameters: readonly string[]): [command: string, string[]] => [
  "setpriv",
  ["--pdeathsig", "TERM", command, ...parameters],
];

const howItEnds = async (child: ChildProcess, { endsBy }: OwnedProcessOptions): Promise<string> => {
  try {
    const [code, signal] = await once(child, "close");
    return signal === null ? `exit ${code}` : `signal ${signal}`;
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing && endsBy === "signal") return "setpriv is missing: install util-linux";
    return error instanceof Error ? error.message : String(error);
  }
};

/** A process that could not be made has no streams. */
const eachLine = (stream: Readable | null, take: (line: string) => void): void =>
  void (stream && createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", take));
