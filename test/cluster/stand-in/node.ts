import assert from "node:assert/strict";
import type { TargetSettings } from "../rest/storage.ts";
import type { Tgt } from "../tgt.ts";
import type { TgtTarget } from "../tgt-target.ts";

/** The targets of one tgtd, each brought to what is said of it. */
export class TgtNode {
  readonly tgt: Tgt;
  readonly #pdus: "small" | "large";
  readonly #targets = new Map<string, { readonly target: TgtTarget; readonly settings: TargetSettings }>();
  /** An account is the tgtd's, and not a target's. */
  readonly #secrets = new Map<string, string>();

  constructor(tgt: Tgt, pdus: "small" | "large") {
    this.tgt = tgt;
    this.#pdus = pdus;
  }

  target(iqn: string): TgtTarget {
    return this.#targets.get(iqn)?.target ?? assert.fail(`no target ${iqn} is served`);
  }

  async putTarget(settings: TargetSettings): Promise<void> {
    const { iqn: name } = settings;
    const known = this.#targets.get(name);
    const target = known?.target ?? (await this.tgt.createTarget({ name, pdus: this.#pdus, initiators: [] }));
    const before = known === undefined ? [] : initiatorsOf(known.settings);
    const now = initiatorsOf(settings);
    for (const initiator of now) if (!before.includes(initiator)) await admit(target, initiator);
    for (const initiator of before) if (!now.includes(initiator)) await dismiss(target, initiator);
    await this.#putChap(target, known?.settings.chap, settings.chap);
    this.#targets.set(name, { target, settings });
  }

  async removeTarget(iqn: string): Promise<void> {
    await this.target(iqn).remove();
    this.#targets.delete(iqn);
  }

  async #putChap(target: TgtTarget, before: TargetSettings["chap"], now: TargetSettings["chap"]): Promise<void> {
    if (before?.user === now?.user && before?.secret === now?.secret) return;
    if (before !== undefined) await target.forgoChap(before.user);
    if (now === undefined) return;
    const known = this.#secrets.get(now.user);
    if (known !== undefined && known !== now.secret) {
      await this.tgt.admin("--op", "delete", "--mode", "account", "--user", now.user);
    }
    this.#secrets.set(now.user, now.secret);
    await target.demandChap(now);
  }
}

const everybody = "ALL";

const admit = (target: TgtTarget, initiator: string): Promise<void> =>
  initiator === everybody ? target.admitAll() : target.admit(initiator);

const dismiss = (target: TgtTarget, initiator: string): Promise<void> =>
  initiator === everybody ? target.dismissAll() : target.dismiss(initiator);

/** As CloudTower writes them: separated by commas; a star is everybody. */
const initiatorsOf = ({ iqnWhitelist }: TargetSettings): readonly string[] => {
  const names = iqnWhitelist.split(",").map((name) => name.trim());
  return names.some((name) => name === "*" || name === "*/*") ? [everybody] : names.filter((name) => name !== "");
};
