import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { hangMs } from "../patience.ts";

/** Runs each line that it reads, and writes the status and what was said between two zeros. */
const loop = `while IFS= read -r line; do
  said=$(eval "$line" 2>&1 </dev/null)
  printf '%s %s\\0' "$?" "$said"
done`;

interface Waiting {
  readonly line: string;
  readonly resolve: (said: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Runs tgtadm, one after the other, from a small shell: a fork of this process, with all the memory
 * that it has, takes three times as long as tgtadm.
 */
export class TgtAdminShell {
  readonly #command: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #waiting: Waiting[] = [];
  #shell: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #said = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;

  constructor(tgtadm: string, env: NodeJS.ProcessEnv) {
    this.#command = quoted([tgtadm, "-C", "0", "--lld", "iscsi"]);
    this.#env = env;
  }

  /** @returns what it printed @throws with what it said */
  run(parameters: readonly string[]): Promise<string> {
    const line = `${this.#command} ${quoted(parameters)}`;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#shell ??= this.#start();
      this.#shell.stdin.write(`${line}\n`);
      this.#timer ??= setTimeout(() => this.#end(`tgtadm hangs: ${this.#waiting[0]?.line}`), hangMs);
    });
  }

  stop(): void {
    this.#end("tgtadm is not run any more");
  }

  #start() {
    // It ends with what it reads, which is when this process ends.
    const shell = spawn("sh", ["-c", loop], { env: this.#env, stdio: ["pipe", "pipe", "inherit"], detached: true });
    shell.stdout.on("data", (chunk: Buffer) => this.#take(chunk));
    shell.stdin.on("error", () => undefined);
    shell.on("close", () => this.#shell === shell && this.#end("the shell has ended"));
    shell.on("error", (error) => this.#shell === shell && this.#end(error.message));
    // None of them keeps a process that has nothing else to do.
    shell.unref();
    for (const pipe of [shell.stdin, shell.stdout]) (pipe as unknown as { unref(): void }).unref();
    return shell;
  }

  #take(chunk: Buffer): void {
    this.#said = Buffer.concat([this.#said, chunk]);
    for (let end = this.#said.indexOf(0); end >= 0; end = this.#said.indexOf(0)) {
      const [, status, said = ""] = /^(\d+) ([\s\S]*)$/.exec(this.#said.toString("utf8", 0, end)) ?? [];
      this.#said = this.#said.subarray(end + 1);
      const first = this.#waiting.shift();
      assert(first !== undefined, "an answer that nobody waits for");
      this.#timer?.refresh();
      if (status === "0") first.resolve(said);
      else first.reject(new Error(`${first.line}: ${said} (${status})`));
    }
    if (this.#waiting.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #end(why: string): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pid = this.#shell?.pid;
    this.#shell = undefined;
    this.#said = Buffer.alloc(0);
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(why));
    try {
      // With the tgtadm that it runs.
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      // It is gone.
    }
  }
}

const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
