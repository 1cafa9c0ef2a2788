import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hangMs } from "../patience.ts";

const bin = fileURLToPath(new URL("../../cli/bin.js", import.meta.url));

/** A command line of a page, and what the page says that it prints. */
export interface Typed {
  readonly command: string;
  readonly said: string;
}

/** The commands of a block: lines that begin with `$ `, each with the lines that follow it. */
export const typedIn = (block: string): readonly Typed[] =>
  block
    .split(/^(?=\$ )/m)
    .filter((part) => part.startsWith("$ "))
    .map((part) => {
      const [first = "", ...lines] = part.trimEnd().split("\n");
      return { command: first.slice(2), said: lines.join("\n") };
    });

/** Two terminals in a folder of their own. `npx smtx-backup` is this checkout's command there. */
export class Terminals {
  readonly dir: string;
  readonly #env: NodeJS.ProcessEnv;
  #background: ChildProcess | undefined;

  constructor(dir: string, env: NodeJS.ProcessEnv) {
    this.dir = dir;
    this.#env = env;
  }

  static async open(): Promise<Terminals> {
    const dir = await mkdtemp(join(tmpdir(), "smtx-backup-readme-"));
    const programs = join(dir, ".programs");
    await mkdir(programs);
    const npx = `#!/bin/sh\n[ "$1" = smtx-backup ] || exit 64\nshift\nexec '${process.execPath}' '${bin}' "$@"\n`;
    await writeFile(join(programs, "npx"), npx);
    await chmod(join(programs, "npx"), 0o755);
    const { SMTX_BACKUP_DIR: _, ...env } = process.env;
    return new Terminals(dir, { ...env, PATH: `${programs}:${env["PATH"]}` });
  }

  /**
   * Types a command and waits until it has ended.
   * @returns what it printed, on both outputs, and its exit code
   */
  async type(command: string): Promise<{ printed: string; exitCode: number | null }> {
    const [, name, value] = /^export ([A-Z_]+)=(\S+)$/.exec(command) ?? [];
    if (name !== undefined) {
      this.#env[name] = value;
      return { printed: "", exitCode: 0 };
    }
    const child = spawn("bash", ["-c", `exec 2>&1; ${command}`], { ...this.#place, timeout: hangMs });
    const printed = collected(child);
    const [exitCode] = await once(child, "close");
    return { printed: this.#asSaid(printed.text), exitCode };
  }

  /**
   * Types a command that stays, and waits until it has printed so many lines.
   * @returns what it printed
   */
  async typeAndLeave(command: string, lines: number): Promise<string> {
    assert.equal(this.#background, undefined);
    const child = spawn("bash", ["-c", `exec 2>&1; exec ${command}`], this.#place);
    this.#background = child;
    const printed = collected(child);
    const late = AbortSignal.timeout(hangMs);
    while (printed.text.split("\n").length <= lines) {
      assert.equal(child.exitCode, null, printed.text);
      await Promise.race([once(child.stdout, "data", { signal: late }), once(child, "exit", { signal: late })]);
    }
    return this.#asSaid(printed.text);
  }

  /** Ctrl-C in the terminal of what stays. @returns its exit code */
  async interrupt(): Promise<number | null> {
    assert(this.#background);
    const ended = once(this.#background, "exit");
    this.#background.kill("SIGINT");
    const [exitCode] = await ended;
    this.#background = undefined;
    return exitCode;
  }

  async close(): Promise<void> {
    const child = this.#background;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    await rm(this.dir, { recursive: true, force: true, maxRetries: 10 });
  }

  get #place() {
    return { cwd: this.dir, env: this.#env, stdio: ["ignore", "pipe", "inherit"] as ["ignore", "pipe", "inherit"] };
  }

  /** The page's reader works at home. */
  #asSaid(text: string): string {
    return text.replaceAll(this.dir, "/home/me");
  }
}

const collected = (child: ChildProcess): { text: string } => {
  const printed = { text: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    printed.text += text;
  });
  return printed;
};
