import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, open, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { temporaryFolder } from "./testing.ts";

/** Only what hangs reaches it. */
const hangMs = 60_000;
const bin = fileURLToPath(new URL("./bin.js", import.meta.url));

const start = (script: string, args: readonly string[], nodeArgs: readonly string[] = []) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, script, ...args], {
    encoding: "utf8",
    timeout: hangMs,
    killSignal: "SIGKILL",
  });
  return { exitCode: status, stdout, stderr };
};

/** A package without sources, whose command is `main`. @returns its bin.js */
const builtPackage = async (t: TestContext, main: string): Promise<string> => {
  const folder = await temporaryFolder(t);
  const [cli, dist] = [join(folder, "cli"), join(folder, "dist", "cli")];
  await mkdir(cli);
  await mkdir(dist, { recursive: true });
  await cp(bin, join(cli, "bin.js"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await mkdir(join(dist, "host"));
  await writeFile(join(dist, "host/host.js"), "export const processHost = () => 7;");
  await writeFile(join(dist, "main.js"), main);
  return join(cli, "bin.js");
};

describe("bin.js", () => {
  test("runs the sources in a checkout, and ends with the command's exit code", () => {
    assert.deepEqual(start(bin, ["--version"]), { exitCode: 0, stdout: `${packageJson.version}\n`, stderr: "" });
    const { exitCode, stderr } = start(bin, ["plan", "list", "--dir", "/nowhere"]);
    assert.equal(exitCode, 3);
    assert.match(stderr, /^error: .*\(NOT_FOUND\)\n {2}hint: /);
  });

  test("prints lines as long as COLUMNS says where there is no terminal", () => {
    const longest = (COLUMNS: string) => {
      const { stdout } = spawnSync(process.execPath, [bin, "local", "up", "--help"], {
        ...{ encoding: "utf8", timeout: hangMs },
        env: { ...process.env, COLUMNS },
      });
      return Math.max(...stdout.split("\n").map(({ length }) => length));
    };
    const [wide, otherwise] = [longest("120"), longest("")];
    assert.ok(wide > 80 && wide <= 120, String(wide));
    assert.ok(otherwise > 60 && otherwise <= 80, String(otherwise));
  });

  test("reaches what is on this host in spite of a proxy", async (t) => {
    const server = createServer((_, answer) => {
      answer.setHeader("content-type", "application/json").end('{"items":[]}');
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const proxy = { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "example.com" };
    const env = { ...process.env, ...proxy, SMTX_BACKUP_TOKEN: "x", SMTX_BACKUP_URL: `http://127.0.0.1:${port}` };
    const { stdout } = await promisify(execFile)(process.execPath, [bin, "site", "list"], { env, timeout: hangMs });
    assert.equal(stdout, "No sites yet.\n");
  });

  test("says before it begins that it may open too few files", async (t) => {
    const dir = join(await temporaryFolder(t), "data");
    const few = 'ulimit -n 64; exec "$0" "$1" local up --dir "$2"';
    const { status, stderr } = spawnSync("sh", ["-c", few, process.execPath, bin, dir], {
      encoding: "utf8",
      timeout: hangMs,
    });
    assert.equal(status, 1);
    assert.match(stderr, /^error: This process may open 64 files .+ \(TOO_FEW_DESCRIPTORS\)\n {2}hint: .+ulimit/);
    assert.ok(!existsSync(dir));
  });

  test("ends with 1 and a sentence when standard output has no room", async (t) => {
    const full = await open("/dev/full", "w");
    t.after(() => full.close());
    const { status, stderr } = spawnSync(process.execPath, [bin, "--help"], {
      encoding: "utf8",
      stdio: ["ignore", full.fd, "pipe"],
    });
    assert.match(
      stderr,
      /^error: Standard output takes no more: there is no room left\. \(OUTPUT_FAILED\)\n {2}hint: .*\n$/,
    );
    assert.equal(status, 1);
  });

  test("runs what was built where there are no sources, and shows no experimental warnings", async (t) => {
    const built = await builtPackage(
      t,
      `export const main = async (args, host) => {
        process.emitWarning("of experiments", "ExperimentalWarning");
        process.emitWarning("of experiments", { type: "ExperimentalWarning" });
        process.emitWarning("of the user's interest");
        console.log(args.join(), host);
        return 5;
      };`,
    );
    const { exitCode, stdout, stderr } = start(built, ["a", "b"]);
    assert.deepEqual([exitCode, stdout], [5, "a,b 7\n"]);
    assert.match(stderr, /of the user's interest/);
    assert.doesNotMatch(stderr, /experiment/i);
  });

  test("ends with the command's exit code though something hangs that nobody waits for any more", async (t) => {
    const hanging = join(await temporaryFolder(t), "hanging.mjs");
    await writeFile(hanging, "setInterval(() => undefined, 1000);");
    assert.equal(start(bin, ["no such command"], ["--import", hanging]).exitCode, 2);
  });

  test("ends after a signal also while a disk does not answer", async (t) => {
    const built = await builtPackage(
      t,
      `import { execFileSync } from "node:child_process";
      import { open } from "node:fs";
      const fifo = new URL("./fifo", import.meta.url).pathname;
      execFileSync("mkfifo", [fifo]);
      // Nobody writes into it, so opening it hangs.
      open(fifo, "r", () => undefined);
      export const main = async () => 130;`,
    );
    const { status, signal } = spawnSync(process.execPath, [built], { timeout: hangMs, killSignal: "SIGKILL" });
    assert.deepEqual([status, signal], [null, "SIGINT"]);
  });

  test("loses nothing of what it prints to somebody who reads it slowly", async (t) => {
    const built = await builtPackage(
      t,
      `setInterval(() => undefined, 1000);
      export const main = async () => void process.stdout.write("x".repeat(1_000_000)) ?? 0;`,
    );
    const slowly = `"$0" "$1" | { sleep 3; wc -c; }`;
    const { stdout } = spawnSync("sh", ["-c", slowly, process.execPath, built], { encoding: "utf8" });
    assert.equal(stdout.trim(), "1000000");
  });

  test("says in a sentence that Node is too old, before it reads anything that an old one can't", async (t) => {
    const old = join(await temporaryFolder(t), "old.mjs");
    await writeFile(old, 'Object.defineProperty(process.versions, "node", { value: "22.18.0" });');
    const { exitCode, stdout, stderr } = start(bin, ["--help"], ["--import", old]);
    assert.deepEqual([exitCode, stdout], [2, ""]);
    assert.match(
      stderr,
      /^error: smtx-backup needs Node\.js 22\.19 or newer, and this is 22\.18\.0 .*\n {2}hint: .+npx smtx-backup.+PATH=node_modules.+\n$/,
    );
  });
});
