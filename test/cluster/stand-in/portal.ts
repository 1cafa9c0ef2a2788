import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { LunService, TargetSettings } from "../rest/storage.ts";
import { Tgt } from "../tgt.ts";
import { TgtNode } from "./node.ts";

interface Served {
  settings: TargetSettings;
  readonly luns: Map<number, string>;
}

export interface TgtPortalOptions {
  /** Whether what one node knows of reservations the other one knows too. */
  readonly sharesReservations: boolean;
  /** What nodes take and send at once: 8 KiB unless told otherwise, or 256 KiB. */
  readonly pdus?: "small" | "large";
}

/**
 * The iSCSI side of clusters: a portal that sends each login on to a node. Where nodes share what
 * they know of reservations, both are one tgtd with two addresses; else each is one. When a node
 * dies its sessions end, and with them what tgtd knows of their reservations, unlike a cluster.
 */
export class TgtPortal implements LunService {
  readonly #pdus: "small" | "large";
  readonly #portal: TgtNode;
  readonly #targets = new Map<string, Served>();
  /** The first one serves. */
  #nodes: TgtNode[];

  private constructor(portal: TgtNode, nodes: TgtNode[], pdus: "small" | "large") {
    this.#pdus = pdus;
    this.#portal = portal;
    this.#nodes = nodes;
  }

  static async start({ sharesReservations, pdus = "small" }: TgtPortalOptions): Promise<TgtPortal> {
    const [portal, node] = await Promise.all([Tgt.start(), Tgt.start({ host: "127.0.0.2" })]);
    const second = sharesReservations ? undefined : await Tgt.start({ host: "127.0.0.3", port: node.port });
    if (sharesReservations) await node.listenAt("127.0.0.3");
    const nodes = [node, ...(second === undefined ? [] : [second])];
    return new TgtPortal(
      new TgtNode(portal, pdus),
      nodes.map((tgt) => new TgtNode(tgt, pdus)),
      pdus,
    );
  }

  get host(): string {
    return this.#portal.tgt.host;
  }

  get port(): number {
    return this.#portal.tgt.port;
  }

  /** Where each node may be logged in to without the portal. */
  get nodes(): readonly { readonly host: string; readonly port: number }[] {
    return ["127.0.0.2", "127.0.0.3"].map((host) => ({ host, port: this.#node.port }));
  }

  get nodePids(): readonly number[] {
    return this.#nodes.map(({ tgt }) => tgt.pid);
  }

  get #node(): Tgt {
    return this.#nodes[0]?.tgt ?? assert.fail("no node lives");
  }

  async putTarget(settings: TargetSettings): Promise<void> {
    const known = this.#targets.get(settings.iqn);
    if (known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings)) return;
    if (known === undefined) {
      await this.#portal.putTarget({ iqn: settings.iqn, iqnWhitelist: "*" });
      await this.#portal.target(settings.iqn).redirect(this.#node);
    }
    await Promise.all(this.#nodes.map((node) => node.putTarget(settings)));
    this.#targets.set(settings.iqn, { luns: known?.luns ?? new Map(), settings });
  }

  async removeTarget(iqn: string): Promise<void> {
    if (!this.#targets.delete(iqn)) return;
    await Promise.all([this.#portal, ...this.#nodes].map((node) => node.removeTarget(iqn)));
  }

  async addLun(iqn: string, lunId: number, path: string): Promise<void> {
    this.#need(iqn).luns.set(lunId, path);
    await Promise.all(this.#nodes.map((node) => node.target(iqn).addLun(lunId, path)));
  }

  async removeLun(iqn: string, lunId: number): Promise<void> {
    if (!this.#need(iqn).luns.delete(lunId)) return;
    await Promise.all(this.#nodes.map((node) => node.target(iqn).removeLun(lunId)));
  }

  async growLun(iqn: string, lunId: number, path: string): Promise<void> {
    await this.removeLun(iqn, lunId);
    await this.addLun(iqn, lunId, path);
  }

  async connections(iqn: string): Promise<readonly string[]> {
    if (!this.#targets.has(iqn)) return [];
    const all = await Promise.all(this.#nodes.map((node) => node.target(iqn).connections()));
    return all.flat().map(({ address }) => address);
  }

  /** The node that serves dies, with all connections; logins go to the other one from then on. */
  async killNode(): Promise<void> {
    const [dead, next] = this.#nodes;
    await dead?.tgt.stop();
    if (next !== undefined) this.#nodes = [next];
    else {
      const host = dead?.tgt.host === "127.0.0.2" ? "127.0.0.3" : "127.0.0.2";
      this.#nodes = [await this.#serving(await Tgt.start({ host }))];
    }
    for (const iqn of this.#targets.keys()) await this.#portal.target(iqn).redirect(this.#node);
  }

  /** Runs what it is given while no node writes anything. */
  whileStill<T>(work: () => T): T {
    if (this.#targets.size === 0) return work();
    for (const { tgt } of this.#nodes) tgt.freeze();
    try {
      while (!this.#nodes.every(({ tgt }) => isStopped(tgt.pid)));
      return work();
    } finally {
      for (const { tgt } of this.#nodes) tgt.thaw();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#portal, ...this.#nodes].map(({ tgt }) => tgt.stop()));
  }

  async #serving(tgt: Tgt): Promise<TgtNode> {
    const node = new TgtNode(tgt, this.#pdus);
    for (const { settings, luns } of this.#targets.values()) {
      await node.putTarget(settings);
      for (const [lunId, path] of luns) await node.target(settings.iqn).addLun(lunId, path);
    }
    return node;
  }

  #need(iqn: string): Served {
    return this.#targets.get(iqn) ?? assert.fail(`no target ${iqn} is served`);
  }
}

/** Whether a process stands, with all its threads: a signal that was sent is not obeyed at once. */
const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
  });
