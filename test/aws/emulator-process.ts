import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startOwned } from "../../gateway/processes/owned-process.ts";
import { freePort } from "../../infra/local/emulators/port.ts";
import { hangMs } from "../patience.ts";

/** An emulator of a test's own, on loopback. */
export interface EmulatorProcess {
  readonly endpoint: string;
  /** The last of what it and its functions said. */
  lastOutput(): string;
  stop(): Promise<void>;
}

export interface EmulatorProgram {
  /** As npm's script `NAME:install` calls it. */
  readonly name: string;
  readonly command: string;
  readonly parameters: readonly string[];
  /** The path that is answered as soon as it serves. */
  readonly health: string;
  /**
   * For one that may never end when it is asked to, and has neither children nor anything to keep.
   */
  readonly isKilled?: boolean;
  /** @param dir what it writes goes there */
  environment(dir: string, port: number): NodeJS.ProcessEnv;
}

/**
 * Starts an emulator on a free port of 127.0.0.1 with everything that it writes in a temporary
 * folder, and waits until it answers. It ends with this process, however this process ends.
 */
export const startEmulatorProcess = async (program: EmulatorProgram): Promise<EmulatorProcess> => {
  const { name, command, parameters, isKilled = false } = program;
  assert(existsSync(command), `NOT CHECKED: ${command} is missing; run: npm run ${name}:install`);
  const dir = await mkdtemp(join(tmpdir(), `smtx-backup-${name}-`));
  const port = await freePort(0);
  const endpoint = `http://127.0.0.1:${port}`;
  const process_ = startOwned({
    ...(isKilled
      ? { command: "setpriv", parameters: ["--pdeathsig", "KILL", command, ...parameters], stopMs: 0 }
      : { command, parameters }),
    endsBy: "signal",
    cwd: dir,
    env: program.environment(dir, port),
  });
  const stop = async () => {
    await process_.stop();
    await rm(dir, { recursive: true, force: true });
  };
  const endMs = performance.now() + hangMs;
  while (!(await answers(endpoint + program.health))) {
    if (process_.hasEnded() || performance.now() > endMs) {
      await stop();
      assert.fail(`${name} did not start: ${process_.lastOutput()}`);
    }
    await wait(50);
  }
  return { endpoint, lastOutput: () => process_.lastOutput(), stop };
};

const answers = async (url: string): Promise<boolean> => {
  try {
    await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
};
