import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { until } from "../../test/patience.ts";
import { type OwnedProcessOptions, startOwned } from "./owned-process.ts";

const running = (code: string, options: Partial<OwnedProcessOptions> = {}) =>
  startOwned({ command: process.execPath, parameters: ["-e", code], endsBy: "signal", ...options });

/** A program that tells when it listens to nothing but its end. */
const patient = "process.stdout.write('up\\n'); setInterval(() => {}, 1000);";

describe("a process of ours", () => {
  test("is seen to have ended by itself, with how and with its last words", async () => {
    const own = running("console.error('last words'); process.exit(3)");
    assert.equal(await own.ended, "exit 3");
    assert(own.hasEnded());
    assert.equal(own.lastOutput(), "last words");
    await own.stop();
  });

  test("says so when its command is not there", async () => {
    const missing = startOwned({ command: "/nonexistent/command", parameters: [], endsBy: "input" });
    assert.match(await missing.ended, /ENOENT/);
    const guarded = startOwned({ command: "/nonexistent/command", parameters: [], endsBy: "signal" });
    assert.notEqual(await guarded.ended, "exit 0");
    assert.match(guarded.lastOutput(), /nonexistent/);
  });

  test("says what to install where the system lacks it", async () => {
    const own = running("", { env: { PATH: "/nowhere" } });
    assert.equal(await own.ended, "setpriv is missing: install util-linux");
  });

  test("hands over what it writes line by line", async () => {
    const lines: string[] = [];
    const output = {
      stdout: (line: string) => lines.push(`out ${line}`),
      stderr: (line: string) => lines.push(`err ${line}`),
    };
    await running("console.log('a\\nb'); console.error('c')", { output }).ended;
    assert.deepEqual(lines.toSorted(), ["err c", "out a", "out b"]);
  });

  test("is killed when it does not end as it is asked to", async () => {
    const up = Promise.withResolvers<void>();
    const output = { stdout: () => up.resolve(), stderr: () => undefined };
    const own = running(`process.on('SIGTERM', () => {}); ${patient}`, { output, stopMs: 50 });
    await up.promise;
    await own.stop();
    assert.equal(await own.ended, "signal SIGKILL");
  });

  for (const endsBy of ["signal", "input"] as const) {
    test(`ends when whoever started it is killed: by ${endsBy}`, async () => {
      const module = new URL("./owned-process.ts", import.meta.url).href;
      const child = `${endsBy === "input" ? "process.stdin.on('close', () => process.exit()).resume(); " : ""}${patient}`;
      const parent = spawn(
        process.execPath,
        [
          "--input-type=module",
          "-e",
          `const { startOwned } = await import(${JSON.stringify(module)});
           const own = startOwned({
             command: process.execPath, parameters: ["-e", ${JSON.stringify(child)}], endsBy: "${endsBy}",
             output: { stdout: () => console.log(own.pid), stderr: () => {} },
           });`,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const [pid] = await once(parent.stdout.setEncoding("utf8"), "data");
      assert(isAlive(Number(pid)));
      parent.kill("SIGKILL");
      // The end of a process that is not ours has no event.
      await until("its end", () => !isAlive(Number(pid)));
    });
  }
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
