import { randomBytes } from "node:crypto";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { ProbeGround } from "./ground.ts";
import { atTwoNodes, type LunAtNode } from "./nodes.ts";
import { no, type SeenAnswer, seenBy, unknown, yes } from "./seen.ts";

/** Whether a writer that is preempted at one node can't write at another. */
export const reservationsHoldAcrossNodes = (
  ground: ProbeGround,
  of: Parameters<typeof atTwoNodes>[1],
  call: StorageCall,
): Promise<SeenAnswer> =>
  seenBy(async () => {
    const nodes = await atTwoNodes(ground, of, call);
    try {
      const [one, other] = nodes;
      if (one === undefined || other === undefined) {
        return unknown(`There is a way to ${nodes.length} of the cluster's nodes only, and two are needed.`);
      }
      const seen = await holds(one, other, call);
      const [node] = one.lun.portals;
      if (seen.answer !== "no" || node === undefined) return seen;
      return { ...seen, evidence: `${seen.evidence} Restart all gateways of the cluster now.`, node };
    } finally {
      for (const { initiator } of nodes) await initiator.close();
    }
  }, call);

const holds = async (one: LunAtNode, other: LunAtNode, call: StorageCall): Promise<SeenAnswer> => {
  const [key, next] = [newKey(), newKey()];
  const block = randomBytes(one.lun.blockBytes);
  await one.lun.reservation.register(key, call);
  await one.lun.reservation.reserve(key, call);
  await one.lun.write(0, block, call);
  const { keys } = await other.lun.reservation.keys(call);
  if (!keys.includes(key)) return no("What was registered at one node is not known at another.");
  await other.lun.reservation.register(next, call);
  await other.lun.reservation.preempt(next, key, call);
  if (!(await isFenced(() => one.lun.write(0, block, call)))) {
    return no("A writer that was preempted at one node went on writing at another.");
  }
  await other.lun.write(0, block, call);
  await other.lun.reservation.clear(next, call);
  return yes("A writer that was preempted at one node was refused at another, with its next write.");
};

const isFenced = async (work: () => Promise<void>): Promise<boolean> => {
  try {
    await work();
    return false;
  } catch (error) {
    if (VisibleError.is(error, "FENCED")) return true;
    throw error;
  }
};

const newKey = (): bigint => randomBytes(6).reduce((key, byte) => (key << 8n) | BigInt(byte), 1n);
