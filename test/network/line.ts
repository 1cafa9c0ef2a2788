import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type LabHost, runOn } from "./link.ts";

const script = fileURLToPath(new URL("./line.py", import.meta.url));
const waitMs = 10_000;

/**
 * What is usual on Linux: bytes at least, at the start and at most. What this machine was
 * given must not matter.
 */
const windows = ["net.ipv4.tcp_rmem=4096 131072 6291456", "net.ipv4.tcp_wmem=4096 16384 4194304"];
/**
 * Packets that a host may have sent before they are looked at, so that none is lost to a
 * processor that was busy.
 */
const queuePackets = 5_000;

export interface LineOptions {
  readonly roundTripMs: number;
  /** Of each direction, with all headers. */
  readonly mbitPerSecond: number;
  /** Which packets are lost. */
  readonly seed: number;
}

/** What has become of the packets of one direction. */
interface Counts {
  readonly packets: number;
  /** They found the queue full. */
  readonly dropped: number;
  /** At random. */
  readonly lost: number;
  /** The one that came out of the line the latest, after its time. */
  readonly latestMs: number;
}

/** A long line between two hosts (line.py), which have addresses of their own on it. */
export class Line {
  readonly ends: readonly [LabHost, LabHost];
  readonly #process: ChildProcess;
  readonly #output: Interface;
  #ended: ReturnType<Line["end"]> | undefined;

  private constructor(ends: readonly [LabHost, LabHost], process: ChildProcess, output: Interface) {
    this.ends = ends;
    this.#process = process;
    this.#output = output;
  }

  static async between(hosts: readonly [LabHost, LabHost], options: LineOptions): Promise<Line> {
    const process = spawn(
      "python3",
      [
        ...[script, ...hosts.map(({ namespace }) => namespace)],
        ...["--round-trip-ms", String(options.roundTripMs)],
        ...["--mbit", String(options.mbitPerSecond)],
        ...["--seed", String(options.seed)],
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    await once(process, "spawn");
    const output = createInterface({ input: process.stdout });
    const addresses = ["10.78.0.1", "10.78.0.2"] as const;
    const ends = [
      { ...hosts[0], address: addresses[0] },
      { ...hosts[1], address: addresses[1] },
    ] as const;
    const line = new Line(ends, process, output);
    try {
      assert.equal(await line.#nextLine(), "ready");
      await runOn(hosts[0], "ip", "addr", "add", addresses[0], "peer", addresses[1], "dev", "tun0");
      await runOn(hosts[1], "ip", "addr", "add", addresses[1], "peer", addresses[0], "dev", "tun0");
      for (const host of hosts) {
        await runOn(host, "sysctl", "-qw", ...windows);
        await runOn(host, "ip", "link", "set", "tun0", "up", "mtu", "1500", "txqueuelen", String(queuePackets));
      }
      return line;
    } catch (error) {
      await line.end().catch(() => undefined);
      throw error;
    }
  }

  /** The share of the packets of the first host that are lost from now on. */
  lose(share: number): void {
    this.#process.stdin?.write(`${share}\n`);
  }

  /** Ends it, and says what has become of the packets from the first host and of those to it. */
  end(): Promise<{ readonly there: Counts; readonly back: Counts }> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end() {
    const exited = this.#process.exitCode === null ? once(this.#process, "exit") : undefined;
    this.#process.stdin?.end();
    try {
      return JSON.parse(await this.#nextLine());
    } finally {
      await exited;
    }
  }

  /** @throws Error when it says nothing for 10 s, or has ended */
  async #nextLine(): Promise<string> {
    const waiting = new AbortController();
    const { signal } = waiting;
    try {
      const [line] = await Promise.race([
        once(this.#output, "line", { signal: AbortSignal.any([signal, AbortSignal.timeout(waitMs)]) }),
        once(this.#output, "close", { signal }).then(() => assert.fail("the line has ended")),
      ]);
      return line;
    } finally {
      waiting.abort();
    }
  }
}
