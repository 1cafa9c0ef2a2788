import { spawn } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

export interface GuardedProcess {
  /** Fulfilled when it has exited, by itself or by `stop`. */
  readonly exited: Promise<void>;
  hasExited(): boolean;
  /** The last 4 KB of what it wrote to its two outputs. */
  lastOutput(): string;
  /** Has the guard terminate it, and waits until it is gone; it is killed after 5 s. */
  stop(): Promise<void>;
}

const outputBytesMax = 4096;

/** The guard is a script of its own, and lies beside this one in the sources as in the built package. */
const guardPath = fileURLToPath(new URL(`./guard${extname(import.meta.url)}`, import.meta.url));

/** Starts a command that ends when this process does, however it ends. It has our folder and environment unless told otherwise. */
export const startGuarded = (
  command: string,
  parameters: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): GuardedProcess => {
  // In a group of its own: Ctrl-C is for us, and we stop the command when nobody needs it any more.
  const guard = spawn(process.execPath, [guardPath, command, ...parameters], {
    ...options,
    stdio: "pipe",
    detached: true,
  });
  let output = "";
  for (const stream of [guard.stdout, guard.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-outputBytesMax);
    });
  }
  // The guard may be gone before we close its input.
  guard.stdin.on("error", (error) => {
    output = `${output}\n${error.message}`.slice(-outputBytesMax);
  });
  let isGone = false;
  const exited = once(guard, "close").then(() => {
    isGone = true;
  });

  return {
    exited,
    hasExited: () => isGone,
    lastOutput: () => output.trim(),
    async stop() {
      guard.stdin.end();
      await exited;
    },
  };
};
