import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { writePattern } from "../../infra/local/demo/image.ts";
import packageJson from "../../package.json" with { type: "json" };
import { needTool } from "../need.ts";
import { lineOf, Machine, stopped } from "./machine.ts";
import { unitFilter } from "./unit-filter.ts";

const { version } = packageJson;
const MiB = 1024 ** 2;
const dataBytes = 48 * MiB;
const imageBytes = 300 * MiB;
const installSeconds = 240;
const commandSeconds = 60;
const guide = fileURLToPath(new URL("../../docs/gateway.md", import.meta.url));

const plan = `name: nightly
source: a
targets:
  - { site: b, retention: { keepLast: 3 } }
objects:
  - { kind: lun, name: web1 }
`;

describe("the package that is published, on a host of a user who isn't root", () => {
  // Stays undefined when it could not be made.
  let machine: Machine;
  let up: ChildProcess | undefined;
  const prefix = () => machine.path("opt/smtx-backup");
  const command = () => `${prefix()}/bin/smtx-backup`;
  const installed = (name: string) => `${prefix()}/lib/node_modules/smtx-backup/${name}`;

  /** Runs the installed command. @returns what it answers as JSON */
  const smtx = <T>(...parameters: readonly string[]): T => {
    const { status, stdout, stderr } = machine.run(commandSeconds, command(), ...parameters, "--json");
    assert.equal(status, 0, `smtx-backup ${parameters.join(" ")}: ${stdout}${stderr}`);
    // What it waits for is told line by line before.
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as T;
  };

  before(async () => {
    machine = await Machine.create();
  });
  after(async () => {
    if (up !== undefined) await stopped(up, 20);
    await machine?.remove();
  });

  test("installs by the command of docs/gateway.md, and nothing else has a script that npm would have to run", async (t) => {
    const documented = /^ *sudo (npm install .*)$/m.exec(await readFile(guide, "utf8"))?.[1];
    assert.notEqual(machine.run(commandSeconds, "id", "-u").stdout, "0\n", "the user is root");
    assert(documented, "docs/gateway.md has no command that installs");
    const tarball = machine.pack();
    const [npm = "", ...parameters] = documented
      .replace("/opt/smtx-backup", prefix())
      .replace(`./smtx-backup-${version}.tgz`, tarball)
      .split(" ");
    const begun = Date.now();
    const { status, stdout, stderr } = machine.run(installSeconds, npm, ...parameters);
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stderr, /warn install-scripts/, "npm 12 would not run all scripts that the package needs");
    t.diagnostic(`installed in ${Math.round((Date.now() - begun) / 1000)} s`);
    assert.equal(machine.run(commandSeconds, command(), "--version").stdout, `${version}\n`);
    assert(!existsSync(installed("node_modules/typescript")), "what only developers need was installed");
  });

  test("has the guide, and a unit whose command is where the guide installs it", async () => {
    for (const name of ["docs/gateway.md", "infra/gateway/gateway.yaml"]) assert(existsSync(installed(name)), name);
    const unit = await readFile(installed("infra/gateway/smtx-backup-gateway.service"), "utf8");
    const [, program = ""] = /^ExecStart=(\S+)/m.exec(unit) ?? [];
    assert(existsSync(program.replace("/opt/smtx-backup", prefix())), program);
  });

  test("has a man page where man looks for it, and prints the completion of each shell", async () => {
    const page = await readFile(`${prefix()}/share/man/man1/smtx-backup.1`, "utf8");
    assert.match(page, /^\.SS "plan create"$/m);
    assert.match(page, new RegExp(`"smtx\\\\-backup ${version}"`));
    for (const shell of ["bash", "zsh", "fish"]) {
      const { status, stdout } = machine.run(commandSeconds, command(), "completion", shell);
      assert.equal(status, 0);
      assert.match(stdout, /plan/);
    }
  });

  /** What starts a command as the unit would: with no system call but those that it allows. */
  let confined: readonly string[] = [];

  test("has a unit whose filter of system calls can be set up here, and refuses something", async (t) => {
    const tool = await needTool(t, "systemd-analyze", "systemd");
    if (tool === undefined) return;
    const unit = await readFile(installed("infra/gateway/smtx-backup-gateway.service"), "utf8");
    await writeFile(machine.path("filter.json"), JSON.stringify(unitFilter(unit, tool)));
    await copyFile(new URL("./filter.py", import.meta.url), machine.path("filter.py"));
    confined = ["/usr/bin/python3", machine.path("filter.py"), machine.path("filter.json")];
    assert.equal(machine.run(commandSeconds, ...started("true")).status, 0);
    // Anybody may be nicer, unless the call itself is refused.
    assert.match(machine.run(commandSeconds, ...started("nice", "true")).stderr, /cannot set niceness/);
  });

  const started = (...words: readonly [string, ...string[]]): [string, ...string[]] => {
    const [first, ...rest] = [...confined, ...words];
    return [first ?? words[0], ...rest];
  };

  test("runs two sites whose gateways send through an Envoy each, within that filter", async () => {
    up = machine.start(...started(command(), "local", "up", "--envoy", machine.envoy, "--json"));
    await lineOf(up, commandSeconds, (line) => line.startsWith("{"));
    for (const site of ["a", "b"]) {
      const tunnels = async (tries: number): Promise<readonly string[]> => {
        const { items } = smtx<{ items: { alive: boolean; tunnel: string }[] }>("gateway", "list", "--site", site);
        const alive = items.filter((gateway) => gateway.alive).map(({ tunnel }) => tunnel);
        if (alive.length > 0 || tries === 1) return alive;
        await wait(500);
        return tunnels(tries - 1);
      };
      assert.deepEqual(await tunnels(40), ["envoy"]);
    }
  });

  test("backs a volume up to the other site, and what is restored there has the same bytes", async (t) => {
    const image = machine.path("disk.img");
    await writePattern(image, dataBytes, 1);
    await truncate(image, imageBytes);
    await writeFile(machine.path("plan.yaml"), plan);
    smtx("volume", "import", image, "--site", "a", "--name", "web1");
    smtx("plan", "create", "-f", machine.path("plan.yaml"));
    smtx("plan", "run", "nightly", "--wait");
    const groups = smtx<{ items: { id: string }[] }>("group", "list", "--plan", "nightly", "--site", "b");
    assert.equal(groups.items.length, 1);
    smtx("rebuild", groups.items[0]?.id ?? "", "--site", "b", "--wait");
    const restored = machine.path("restored.img");
    smtx("volume", "export", "rebuilt-web1", "--site", "b", "-o", restored);
    const sha256 = await sha256Of(image);
    assert.equal(await sha256Of(restored), sha256);
    t.diagnostic(`${imageBytes / MiB} MiB, of which ${dataBytes / MiB} are data: ${sha256}`);
  });

  test("ends cleanly, and leaves no process behind", async () => {
    assert(up);
    assert.equal(await stopped(up, 30), 0);
    assert.deepEqual(await machine.left(), []);
  });

  test("runs one gateway by the unit's command, and ends it and its Envoy within the 10 s that it promises", async () => {
    // Nobody answers there: a gateway waits for its queues, however long it takes.
    const nowhere = { AWS_ENDPOINT_URL: "http://127.0.0.1:1", AWS_REGION: "none" };
    const credentials = { AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none" };
    const config = machine.path("data/sites/a/a1.yaml");
    const settings = Object.entries({ ...nowhere, ...credentials }).map(([name, value]) => `${name}=${value}`);
    const gateway = machine.start(...started("env", ...settings, command(), "gateway", "run", "-c", config));
    try {
      await lineOf(gateway, commandSeconds, (line) => line.includes('"msg":"ready"'));
      assert(
        machine.processes().some((other) => other.command.startsWith(machine.envoy)),
        "there is no Envoy",
      );
    } finally {
      assert.equal(await stopped(gateway, 10), 0);
    }
    assert.deepEqual(await machine.left(), []);
  });

  test("says how to install it when npm did not compile what has to be", async () => {
    await rename(installed("node_modules/zstd-napi/build"), machine.path("build"));
    const { status, stderr } = machine.run(commandSeconds, command(), "local", "up");
    assert.equal(status, 1, stderr);
    assert.match(stderr, /--allow-scripts=zstd-napi/);
  });
});

const sha256Of = async (file: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
