import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type OwnedProcess, startOwned } from "../../gateway/processes/owned-process.ts";
import { findTool } from "../../infra/local/demo/tools.ts";
import { hangMs } from "../patience.ts";
import { TgtAdminShell } from "./tgt-admin.ts";
import { TgtTarget, type TgtTargetOptions } from "./tgt-target.ts";

export interface TgtOptions {
  /** An address of loopback; redirection needs another one than the client's own. */
  readonly host?: `127.0.0.${number}`;
  /** Where somebody listens already another one is taken, unless it is named here. */
  readonly port?: number;
  /** For each LUN; tgtd's own default is 16. */
  readonly threads?: number;
}

/**
 * One tgtd on loopback, of a test's own: it has a socket for its commands in a folder of its own,
 * and dies with this process, however this process ends. A target of it shows what tgtd can do.
 */
export class Tgt {
  readonly host: string;
  readonly port: number;
  readonly #process: OwnedProcess;
  readonly #folder: string;
  readonly #removeFolder = (): void => rmSync(this.#folder, { recursive: true, force: true });
  readonly #admin: TgtAdminShell;
  #lastTid = 0;

  private constructor(host: string, port: number, process_: OwnedProcess, folder: string, tgtadm: string) {
    this.#admin = new TgtAdminShell(tgtadm, environment(folder));
    this.host = host;
    this.port = port;
    this.#process = process_;
    this.#folder = folder;
    // A test's process may end without stopping it: then it is killed, and its folder goes.
    process.once("exit", this.#removeFolder);
  }

  /** Starts one, in some 20 ms, and resolves when it listens. */
  static async start({ host = "127.0.0.1", port, threads = 4 }: TgtOptions = {}): Promise<Tgt> {
    for (const tool of ["tgtd", "tgtadm"]) assert(await findTool(tool), `${tool} is missing here; install tgt`);
    for (;;) {
      const tgt = await Tgt.#startAt(host, port ?? randomInt(15_000, 32_000), threads);
      if (await tgt.#listens()) return tgt;
      await tgt.stop();
      assert(port === undefined, `somebody else listens on ${host}:${port}`);
    }
  }

  static async #startAt(host: string, port: number, threads: number): Promise<Tgt> {
    const folder = await mkdtemp(join(tmpdir(), "tgt-"));
    const process_ = startOwned({
      // SIGTERM does nothing to it.
      command: "setpriv",
      parameters: [
        ...["--pdeathsig", "KILL", (await findTool("tgtd")) ?? "tgtd", "-f", "-C", "0", "-t", `${threads}`],
        ...["--iscsi", `portal=${host}:${port}`],
      ],
      endsBy: "signal",
      cwd: folder,
      env: environment(folder),
      stopMs: 0,
    });
    return new Tgt(host, port, process_, folder, (await findTool("tgtadm")) ?? "tgtadm");
  }

  get pid(): number {
    return this.#process.pid ?? assert.fail(this.#process.lastOutput());
  }

  /** What it wrote last, for a test that fails. */
  lastOutput(): string {
    return this.#process.lastOutput();
  }

  /** @param options.name an iqn that no other target of it has */
  async createTarget(options: TgtTargetOptions): Promise<TgtTarget> {
    this.#lastTid += 1;
    return TgtTarget.create((...parameters) => this.admin(...parameters), this.#lastTid, options);
  }

  /** Runs tgtadm, in some 3 ms. @returns what it printed @throws with what it said */
  admin(...parameters: readonly string[]): Promise<string> {
    return this.#admin.run(parameters);
  }

  /** Answers at another address of loopback as well, at the same port. */
  async listenAt(host: `127.0.0.${number}`): Promise<void> {
    await this.admin("--op", "new", "--mode", "portal", "--param", `portal=${host}:${this.port}`);
  }

  /** Stops it where it is: its sockets stay open and nothing answers, until `thaw`. */
  freeze(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.pid, "SIGCONT");
  }

  /** Kills it, as a node dies whose kernel lives: its connections are reset. */
  async stop(): Promise<void> {
    this.#admin.stop();
    await this.#process.stop();
    this.#removeFolder();
    process.off("exit", this.#removeFolder);
  }

  /** Whether it has its portal; one that could not have it lives on without. */
  async #listens(): Promise<boolean> {
    const endMs = performance.now() + hangMs;
    for (;;) {
      const portals = await this.admin("--mode", "portal", "--op", "show").catch(() => undefined);
      if (portals !== undefined) return portals.includes(`${this.host}:${this.port},`);
      const isThere = !this.#process.hasEnded() && performance.now() < endMs;
      assert(isThere, `tgtd does not start: ${this.#process.lastOutput()}`);
      await wait(5);
    }
  }
}

const environment = (folder: string): NodeJS.ProcessEnv => ({
  ...process.env,
  // tgtd adds the number of its control port.
  TGT_IPC_SOCKET: join(folder, "s"),
});
