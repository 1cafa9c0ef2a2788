import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../cli/bin.js", import.meta.url));

export interface Shell {
  /** As a user has it who starts the command: octal. */
  readonly umask?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const start = (parameters: readonly string[], { umask = "022", env = process.env }: Shell): ChildProcess =>
  spawn("/bin/sh", ["-c", `umask ${umask} && exec "$@"`, "sh", process.execPath, command, ...parameters], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });

/** Runs `smtx-backup` to its end. */
export const runCommand = async (parameters: readonly string[], shell: Shell = {}) => {
  const child = start(parameters, shell);
  assert(child.stdout && child.stderr);
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[exitCode: number | null]>,
  ]);
  return { exitCode, stdout, stderr };
};

/** A `local up` that is ready, until it is stopped; at the end of the test at the latest. */
export const startUp = async (t: TestContext, dir: string, shell: Shell & { parameters?: readonly string[] } = {}) => {
  const child = start(["local", "up", "--dir", dir, "--json", ...(shell.parameters ?? [])], shell);
  assert(child.stdout && child.stderr && child.pid);
  const exited = once(child, "exit");
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
  });
  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  t.after(() => stop());
  const ended = exited.then(() => assert.fail(`it ended before it was ready: ${said}`));
  ended.catch(() => undefined);
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended]);
  const { url, tokenFile } = JSON.parse(String(line)) as { url: string; tokenFile: string };
  return { pid: child.pid, url, tokenFile, stop, said: () => said };
};
