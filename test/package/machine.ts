import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { steadyTime } from "../../gateway/time/time.ts";
import { until } from "../../gateway/time/until.ts";
import { cachedEnvoy } from "../../gateway/tunnel/envoy/find.ts";

/** What was told to end has some seconds for it. */
const endPatience = { everyMs: 100, withinMs: 5_000, time: steadyTime, signal: new AbortController().signal };

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Nobody has it; it is below those that systemd gives away. */
const throwAwayId = 60_777;
const outputBytesMax = 16 * 1024 ** 2;
const killSeconds = 5;

/** What npm knows of this machine's way to the registry and to Node's headers. */
const npmSettings = ["registry", "cafile", "https-proxy", "proxy", "nodedir"] as const;

export interface ProcessResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A folder that stands for a host: with Node, npm and Envoy in its own search path, and a user who
 * isn't root and has no capabilities. Root makes one up; anybody else is that user.
 */
export class Machine {
  readonly dir: string;
  readonly envoy: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(dir: string) {
    this.dir = dir;
    this.envoy = this.path("host/bin/envoy");
    this.#env = {
      HOME: this.path("home"),
      TMPDIR: this.path("tmp"),
      PATH: `${this.path("host/bin")}:/usr/bin:/bin`,
      SMTX_BACKUP_DIR: this.path("data"),
      // zstd-napi is compiled by as many as there are processors.
      JOBS: "max",
      ...settingsOfNpm(),
    };
  }

  /**
   * Takes some seconds.
   * @throws AssertionError when it isn't called from an npm script, whose npm is copied
   */
  static async create(): Promise<Machine> {
    const npm = process.env["npm_execpath"];
    assert(npm, "run it by npm run test:package");
    const machine = new Machine(await mkdtemp(join(tmpdir(), "smtx-backup-package-")));
    try {
      for (const folder of ["home", "tmp", "host/bin"]) mkdirSync(machine.path(folder), { recursive: true });
      cpSync(process.execPath, machine.path("host/bin/node"));
      cpSync(envoyBinary(), machine.envoy);
      cpSync(dirname(dirname(npm)), machine.path("host/npm"), { recursive: true });
      symlinkSync("../npm/bin/npm-cli.js", machine.path("host/bin/npm"));
      if (isRoot) for (const folder of [".", "home", "tmp"]) chownSync(machine.path(folder), throwAwayId, throwAwayId);
    } catch (error) {
      await machine.remove();
      throw error;
    }
    return machine;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Packs the project, as `npm publish` would. @returns the tarball's path */
  pack(): string {
    const parameters = ["pack", "--silent", "--pack-destination", this.dir];
    const output = execFileSync("npm", parameters, { cwd: root, encoding: "utf8", timeout: 120_000 });
    return this.path(output.trim());
  }

  /**
   * Runs a command to its end as the user, in the machine's folder; it is killed
   * when it takes longer.
   */
  run(seconds: number, command: string, ...parameters: readonly string[]): ProcessResult {
    const bounded = ["-k", String(killSeconds), String(seconds), ...asUser, command, ...parameters];
    const { error, status, stdout, stderr } = spawnSync("timeout", bounded, {
      cwd: this.dir,
      env: this.#env,
      encoding: "utf8",
      maxBuffer: outputBytesMax,
    });
    assert.ifError(error);
    return { status, stdout, stderr };
  }

  /** Starts a command as the user. It dies with the test. */
  start(command: string, ...parameters: readonly string[]): ChildProcess {
    const [setpriv = "", ...before] = asUser;
    return spawn(setpriv, [...before, command, ...parameters], {
      cwd: this.dir,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** The command lines of processes that have to do with this folder. */
  processes(): readonly { readonly pid: number; readonly command: string }[] {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
    return pids
      .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }))
      .filter(({ command }) => command.includes(this.dir));
  }

  /** Waits some seconds for them to end. @returns those that have not */
  async left(): Promise<ReturnType<Machine["processes"]>> {
    await until(async () => this.processes().length === 0, endPatience);
    return this.processes();
  }

  async remove(): Promise<void> {
    for (const { pid } of this.processes()) spawnSync("kill", ["-KILL", String(pid)]);
    await this.left();
    await rm(this.dir, { recursive: true, force: true });
  }
}

const isRoot = process.getuid?.() === 0;

const ids = ["--reuid", String(throwAwayId), "--regid", String(throwAwayId), "--clear-groups"];
const noCapabilities = ["--bounding-set=-all", "--inh-caps=-all"];
const asUser = [
  ...["setpriv", "--pdeathsig", "KILL", "--no-new-privs", ...(isRoot ? [...ids, ...noCapabilities] : [])],
  "--",
];

const settingsOfNpm = (): Readonly<Record<string, string>> => {
  const listed = execFileSync("npm", ["config", "list", "--json"], { encoding: "utf8", timeout: 30_000 });
  const settings = JSON.parse(listed) as Record<string, unknown>;
  const found = npmSettings.flatMap((name) => {
    const value = settings[name];
    return typeof value === "string" ? [[`npm_config_${name.replaceAll("-", "_")}`, value]] : [];
  });
  const certificates = process.env["NODE_EXTRA_CA_CERTS"];
  if (certificates !== undefined) found.push(["NODE_EXTRA_CA_CERTS", certificates]);
  return Object.fromEntries(found);
};

/** The program itself, and not the Python script before it, which needs the project's folder. */
const envoyBinary = (): string => {
  const lib = join(dirname(dirname(cachedEnvoy)), "lib");
  const [python = ""] = readdirSync(lib).filter((name) => name.startsWith("python"));
  return join(lib, python, "site-packages/envoy/_bin/envoy");
};

/** Empty when it has just ended. */
const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
};

/**
 * The first line of its output that the condition likes.
 * @throws AssertionError when it ends before, or after the seconds
 */
export const lineOf = async (
  child: ChildProcess,
  seconds: number,
  isIt: (line: string) => boolean,
): Promise<string> => {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const found = new Promise<string>((resolve) => {
    let rest = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      said += text;
      const line = lines.find(isIt);
      if (line !== undefined) resolve(line);
    });
  });
  const ended = once(child, "exit").then(([code]) => assert.fail(`it ended (${code}): ${said}`));
  const late = once(AbortSignal.timeout(seconds * 1000), "abort").then(() => assert.fail(`it is late: ${said}`));
  // Whoever loses the race is not waited for any more.
  for (const loser of [ended, late]) loser.catch(() => undefined);
  return Promise.race([found, ended, late]);
};

/**
 * Ends it by SIGTERM, and kills it after the seconds.
 * @returns its exit code; null when it was killed
 */
export const stopped = async (child: ChildProcess, seconds: number): Promise<number | null> => {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  const [code] = await exited;
  clearTimeout(late);
  return code as number | null;
};
