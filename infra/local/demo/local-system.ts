import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";

const command = fileURLToPath(new URL("../../../cli/bin.js", import.meta.url));
/** Of a machine that is busy with other things, too. */
const startSeconds = 600;

/**
 * Types the commands of `smtx-backup` as a person would, against a local environment of its own.
 */
export class LocalSystem {
  readonly dir: string;
  /** For `local up`, besides its folder. */
  readonly #options: readonly string[];
  #up: ChildProcess | undefined;

  constructor(dir: string, options: readonly string[] = []) {
    this.dir = dir;
    this.#options = options;
  }

  /** `local up`, until it says that it is ready. */
  async start(): Promise<void> {
    const up = ["local", "up", "--dir", this.dir, ...this.#options];
    this.#show(up);
    const child = spawn(process.execPath, [command, ...up, "--json"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#up = child;
    const ready = once(createInterface({ input: child.stdout }), "line");
    const ended = once(child, "exit").then(() => Promise.reject(new Error("the system ended before it was ready")));
    const late = once(AbortSignal.timeout(startSeconds * 1000), "abort").then(() =>
      Promise.reject(new Error("the system did not start")),
    );
    // Whoever loses the race is not waited for any more.
    for (const loser of [ended, late]) loser.catch(() => undefined);
    await Promise.race([ready, ended, late]);
  }

  /** Ends it as Ctrl-C would. */
  async stop(): Promise<void> {
    const child = this.#up;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const [code] = await exited;
    if (code !== 0) throw new Error(`the system ended with ${code}`);
  }

  /** Runs a command and shows what it prints. Rejects unless it succeeds. */
  async run(...parameters: string[]): Promise<void> {
    this.#show(parameters);
    const child = this.#spawn(parameters, "inherit");
    await succeeded(child, parameters);
  }

  /** The same of one that ends with 1, since it waits for a person's word. */
  async runUntilItWaits(...parameters: string[]): Promise<void> {
    this.#show(parameters);
    await ended(this.#spawn(parameters, "inherit"), parameters, 1);
  }

  /** Runs a command and gives what it answers as JSON. */
  async json<T>(...parameters: string[]): Promise<T> {
    this.#show(parameters);
    return this.ask(...parameters);
  }

  /** The same of what nothing is printed of: it isn't shown either. */
  async ask<T>(...parameters: string[]): Promise<T> {
    const child = this.#spawn([...parameters, "--json"], "pipe");
    const [output] = await Promise.all([
      text(child.stdout as NodeJS.ReadableStream & AsyncIterable<Uint8Array>),
      succeeded(child, parameters),
    ]);
    return JSON.parse(output) as T;
  }

  #spawn(parameters: readonly string[], stdout: "inherit" | "pipe"): ChildProcess {
    const env = { ...process.env, SMTX_BACKUP_DIR: this.dir };
    return spawn(process.execPath, [command, ...parameters], { stdio: ["ignore", stdout, "inherit"], env });
  }

  #show(parameters: readonly string[]): void {
    process.stdout.write(`${styleText("dim", `$ smtx-backup ${parameters.join(" ")}`)}\n`);
  }
}

const succeeded = (child: ChildProcess, parameters: readonly string[]): Promise<void> => ended(child, parameters, 0);

const ended = async (child: ChildProcess, parameters: readonly string[], expected: number): Promise<void> => {
  const [code] = await once(child, "exit");
  if (code !== expected) throw new Error(`smtx-backup ${parameters.join(" ")} ended with ${code}`);
};
