import { readdirSync, readFileSync } from "node:fs";
import type { LunService, TargetSettings } from "../rest/storage.ts";
import { Tgt } from "../tgt.ts";
import type { TgtTarget } from "../tgt-target.ts";

interface Served {
  settings: TargetSettings;
  /** At the portal, which only sends on to a node. */
  readonly portal: TgtTarget;
  readonly luns: Map<number, string>;
  node: TgtTarget;
}

/**
 * The iSCSI side of clusters: a portal that sends each login on to one of two nodes, both of
 * them tgtds. What a node knows of reservations dies with it.
 */
export class TgtPortal implements LunService {
  readonly #portal: Tgt;
  readonly #targets = new Map<string, Served>();
  #node: Tgt;
  #nodeHost: "127.0.0.2" | "127.0.0.3" = "127.0.0.2";

  private constructor(portal: Tgt, node: Tgt) {
    this.#portal = portal;
    this.#node = node;
  }

  static async start(): Promise<TgtPortal> {
    const [portal, node] = await Promise.all([Tgt.start(), Tgt.start({ host: "127.0.0.2" })]);
    return new TgtPortal(portal, node);
  }

  get host(): string {
    return this.#portal.host;
  }

  get port(): number {
    return this.#portal.port;
  }

  async putTarget(settings: TargetSettings): Promise<void> {
    const known = this.#targets.get(settings.iqn);
    if (known === undefined) {
      const portal = await this.#portal.createTarget({ name: settings.iqn, pdus: "small" });
      await portal.redirect(this.#node);
      const node = await this.#atNode(settings);
      this.#targets.set(settings.iqn, { settings, portal, node, luns: new Map() });
      return;
    }
    if (JSON.stringify(known.settings) === JSON.stringify(settings)) return;
    const before = initiatorsOf(known.settings) ?? ["ALL"];
    const now = initiatorsOf(settings) ?? ["ALL"];
    for (const initiator of now) if (!before.includes(initiator)) await known.node.admit(initiator);
    for (const initiator of before) if (!now.includes(initiator)) await known.node.dismiss(initiator);
    if (settings.chap !== undefined) await known.node.demandChap(settings.chap);
    known.settings = settings;
  }

  async removeTarget(iqn: string): Promise<void> {
    const target = this.#targets.get(iqn);
    if (target === undefined) return;
    this.#targets.delete(iqn);
    await Promise.all([target.portal.remove(), target.node.remove()]);
  }

  async addLun(iqn: string, lunId: number, path: string): Promise<void> {
    const target = this.#need(iqn);
    target.luns.set(lunId, path);
    await target.node.addLun(lunId, path);
  }

  async removeLun(iqn: string, lunId: number): Promise<void> {
    const target = this.#need(iqn);
    if (!target.luns.delete(lunId)) return;
    await target.node.removeLun(lunId);
  }

  async growLun(iqn: string, lunId: number, path: string): Promise<void> {
    await this.removeLun(iqn, lunId);
    await this.addLun(iqn, lunId, path);
  }

  /** The node that serves dies, with all connections; logins go to the other one from then on. */
  async killNode(): Promise<void> {
    await this.#node.stop();
    this.#nodeHost = this.#nodeHost === "127.0.0.2" ? "127.0.0.3" : "127.0.0.2";
    this.#node = await Tgt.start({ host: this.#nodeHost });
    for (const target of this.#targets.values()) {
      target.node = await this.#atNode(target.settings);
      for (const [lunId, path] of target.luns) await target.node.addLun(lunId, path);
      await target.portal.redirect(this.#node);
    }
  }

  /** Runs what it is given while the node writes nothing. */
  whileStill<T>(work: () => T): T {
    if (this.#targets.size === 0) return work();
    this.#node.freeze();
    try {
      while (!isStopped(this.#node.pid));
      return work();
    } finally {
      this.#node.thaw();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#portal.stop(), this.#node.stop()]);
  }

  async #atNode(settings: TargetSettings): Promise<TgtTarget> {
    const { iqn: name, chap } = settings;
    const initiators = initiatorsOf(settings);
    return this.#node.createTarget({
      ...{ name, pdus: "small" },
      ...(initiators !== undefined && { initiators }),
      ...(chap !== undefined && { chap }),
    });
  }

  #need(iqn: string): Served {
    const target = this.#targets.get(iqn);
    if (target === undefined) throw new Error(`no target ${iqn} is served`);
    return target;
  }
}

/** Undefined: everybody. */
const initiatorsOf = ({ iqnWhitelist }: TargetSettings): readonly string[] | undefined => {
  const names = iqnWhitelist.split(",").map((name) => name.trim());
  return names.some((name) => name === "*" || name === "*/*") ? undefined : names.filter((name) => name !== "");
};

/** Whether a process stands, with all its threads: a signal that was sent is not obeyed at once. */
const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
  });
