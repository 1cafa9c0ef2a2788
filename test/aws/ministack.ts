import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startOwned } from "../../gateway/processes/owned-process.ts";
import { freePort } from "../../infra/local/emulators/port.ts";
import { cachedMinistack } from "../../infra/ministack/program.ts";
import { hangMs } from "../patience.ts";

/** A ministack of a test's own, on loopback. */
export interface Ministack {
  readonly endpoint: string;
  /** The last of what it and its functions said. */
  lastOutput(): string;
  stop(): Promise<void>;
}

/**
 * Starts ministack on a free port of 127.0.0.1 with everything that it writes in a temporary
 * folder, and waits until it answers. It ends with this process, however this process ends.
 */
export const startMinistack = async ({ env = {} }: { readonly env?: NodeJS.ProcessEnv } = {}): Promise<Ministack> => {
  const { command } = cachedMinistack;
  assert(existsSync(command), `NOT CHECKED: ${command} is missing; run: npm run ministack:install`);
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-ministack-"));
  const port = await freePort(0);
  const endpoint = `http://127.0.0.1:${port}`;
  const process_ = startOwned({
    command,
    parameters: [],
    endsBy: "signal",
    cwd: dir,
    env: {
      // Its functions run on the first node of the search path: the one that runs us.
      PATH: [join(process.execPath, ".."), process.env["PATH"]].join(":"),
      HOME: dir,
      TMPDIR: dir,
      STATE_DIR: dir,
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: port.toString(),
      ...env,
    },
  });
  const stop = async () => {
    await process_.stop();
    await rm(dir, { recursive: true, force: true });
  };
  const endMs = performance.now() + hangMs;
  while (!(await answers(endpoint))) {
    if (process_.hasEnded() || performance.now() > endMs) {
      await stop();
      assert.fail(`ministack did not start: ${process_.lastOutput()}`);
    }
    await wait(50);
  }
  return { endpoint, lastOutput: () => process_.lastOutput(), stop };
};

const answers = async (endpoint: string): Promise<boolean> => {
  try {
    await (await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(2_000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
};
