import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { until } from "../patience.ts";

const run = async (command: string, ...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(command, args, { timeout: 10_000 });
  return stdout;
};

/** Runs a command on a host, and gives what it prints. */
export const runOn = ({ within }: LabHost, ...command: readonly [string, ...string[]]): Promise<string> =>
  run(...within, ...command);

/** A host of the test: a network namespace with one address. */
export interface LabHost {
  readonly name: string;
  readonly address: string;
  readonly namespace: string;
  /** Runs the command behind it on this host. */
  readonly within: readonly [string, ...string[]];
}

/**
 * Hosts on one link, each a network namespace with a cable to a switch that is a namespace too. All
 * of it carries the number of this process in its name, and `remove` removes just that.
 */
export class Link {
  readonly #prefix = `smtx${process.pid}`;
  readonly #switch = `${this.#prefix}-switch`;
  readonly #names: string[] = [];

  /** @throws Error when this user may not make namespaces */
  static async create(): Promise<Link> {
    assert.equal(
      process.getuid?.(),
      0,
      "the network tests make network namespaces: run them as root, in a container for example",
    );
    const link = new Link();
    try {
      await link.#namespace(link.#switch);
      await link.#inSwitch("ip", "link", "add", "br0", "type", "bridge");
      await link.#inSwitch("ip", "link", "set", "br0", "up");
      return link;
    } catch (error) {
      await link.remove();
      throw error;
    }
  }

  /** A host of which what it sends is at most so many bits per second. */
  async addHost(name: string, address: string, rate?: string): Promise<LabHost> {
    const namespace = `${this.#prefix}-${name}`;
    const within = ["ip", "netns", "exec", namespace] as const;
    await this.#namespace(namespace);
    await run("ip", "link", "add", "eth0", "netns", namespace, "type", "veth", "peer", name, "netns", this.#switch);
    await this.#inSwitch("ip", "link", "set", name, "master", "br0", "up");
    await run(...within, "ip", "addr", "add", `${address}/24`, "dev", "eth0");
    await run(...within, "ip", "link", "set", "eth0", "up");
    await run(...within, "ip", "link", "set", "lo", "up");
    const host = { name, address, namespace, within };
    if (rate !== undefined) await this.limit(host, rate);
    return host;
  }

  /** What a host sends is at most so many bits per second from now on. */
  async limit({ within }: LabHost, rate: string): Promise<void> {
    const bucket = ["rate", rate, "burst", "64kb", "latency", "100ms"];
    await run(...within, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", ...bucket);
  }

  /**
   * Whether the switch passes anything on. Its hosts don't notice: their cables stay plugged in.
   */
  async pass(passes: boolean): Promise<void> {
    await this.#inSwitch("ip", "link", "set", "br0", passes ? "up" : "down");
  }

  /** Whether a host's port of the switch passes anything on. The host does not notice either. */
  async passHost({ name }: LabHost, passes: boolean): Promise<void> {
    await this.#inSwitch("ip", "link", "set", name, ...(passes ? ["master", "br0"] : ["nomaster"]));
  }

  /** Bytes that a host has sent, with all headers. */
  async sentBytes({ within }: LabHost): Promise<number> {
    return Number(await run(...within, "cat", "/sys/class/net/eth0/statistics/tx_bytes"));
  }

  /** Resolves when a host has sent so many bytes. @throws Error when it has not within 30 s */
  async sent(host: LabHost, bytes: number): Promise<void> {
    const hasSent = async () => (await this.sentBytes(host)) >= bytes;
    await until(`${host.name} to send`, hasSent, 50, 30_000);
  }

  async remove(): Promise<void> {
    const removed = await Promise.allSettled(this.#names.splice(0).map((name) => run("ip", "netns", "del", name)));
    const failures = removed.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    if (failures.length > 0) throw new AggregateError(failures, "namespaces are left behind");
  }

  async #namespace(name: string): Promise<void> {
    await run("ip", "netns", "add", name);
    this.#names.push(name);
  }

  #inSwitch(...command: readonly string[]): Promise<string> {
    return run("ip", "netns", "exec", this.#switch, ...command);
  }
}
