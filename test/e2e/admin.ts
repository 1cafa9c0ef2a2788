import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { jsonSchemaOf } from "../../cli/json/schema.ts";
import { run } from "../../cli/testing.ts";
import { errorToldAs } from "../../core/api/errors.ts";
import { steadyTime } from "../../gateway/time/time.ts";
import { until } from "../patience.ts";

const bin = fileURLToPath(new URL("../../cli/bin.js", import.meta.url));
const otherClock = new URL("./other-clock.ts", import.meta.url).href;

/** What a command printed as JSON, of the schema that it has. @param path `run list` */
export const ofSchema = (path: string, text: string): unknown => {
  const { error, data } = z.fromJSONSchema(jsonSchemaOf(path) as JsonSchema).safeParse(JSON.parse(text));
  assert.equal(error, undefined, `${path}: ${error && z.prettifyError(error)}\n${text}`);
  return data;
};

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];

export interface Printed {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A person at a terminal, with the real program in processes of its own. Their clocks, and those of
 * everything that `local up` starts, are ahead of the host's by what the test says.
 */
export class Admin {
  readonly dir: string;
  /** 0, or before the host's: certificates must not begin in its future. */
  clockAheadMs = 0;
  #up: { readonly child: ChildProcess; readonly ended: Promise<Printed> } | undefined;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Starts the program. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const clock = { CLOCK_AHEAD_MS: String(this.clockAheadMs), NODE_OPTIONS: `--import=${otherClock}` };
    const child = spawn(process.execPath, [bin, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, SMTX_BACKUP_DIR: this.dir, ...clock, ...env },
    });
    const printed = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      printed.stderr += text;
    });
    const ended = once(child, "close").then(([exitCode]): Printed => ({ exitCode, ...printed }));
    return { child, printed, ended };
  }

  /** Runs a command to its end. */
  async types(...args: readonly string[]): Promise<Printed> {
    return this.start(args).ended;
  }

  /** Runs a command that must succeed. @returns what it prints */
  async does(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.types(...args);
    assert.equal(exitCode, 0, `${args.join(" ")}: ${stderr}${stdout}`);
    return stdout;
  }

  /** The same command line in this process, which is sooner, and goes by the host's clock. */
  async typesHere(...args: readonly string[]): Promise<Printed> {
    return run(args, { env: { SMTX_BACKUP_DIR: this.dir }, fetch, time: steadyTime });
  }

  /**
   * What a command says as JSON, which must be of its schema, whatever its exit code says.
   * @param path `run list`
   * @throws VisibleError as it tells it
   */
  async reads<T>(path: string, ...args: readonly string[]): Promise<T> {
    const { stdout, stderr } = await this.typesHere(...path.split(" "), ...args, "--json");
    if (stdout === "") throw errorToldAs(JSON.parse(stderr).error);
    return ofSchema(path, stdout) as T;
  }

  /** `local up`, until it says that it runs. */
  async up(...args: readonly string[]): Promise<Pick<Printed, "stdout" | "stderr">> {
    await this.stops();
    const up = this.start(["local", "up", ...args]);
    this.#up = up;
    await until(
      "local up to run",
      () => up.printed.stdout.includes("Folder ") || up.child.exitCode !== null || up.child.signalCode !== null,
    );
    assert.equal(up.child.exitCode, null, up.printed.stderr);
    return up.printed;
  }

  /** Ctrl-C at `local up`. */
  async stops(): Promise<void> {
    if (this.#up === undefined) return;
    const { child, ended } = this.#up;
    this.#up = undefined;
    child.kill("SIGINT");
    const { exitCode, stderr } = await ended;
    assert.equal(exitCode, 0, stderr);
  }

  /** Ends what still runs, however it is. */
  kill(): void {
    this.#up?.child.kill("SIGKILL");
  }
}
