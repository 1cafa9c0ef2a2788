import { VisibleError } from "../../../core/api/errors.ts";
import { type ScsiReply, targetFailure } from "../connection/command.ts";
import { parseSense, type Sense, senseKey, senseText } from "./sense.ts";

/** What a reply means for whoever sent the command. */
export type ReplyMeaning =
  | { readonly kind: "good" }
  /** Nothing was done; the same command may be sent again at once. */
  | { readonly kind: "again"; readonly error: VisibleError }
  /**
   * Nothing was done; the same command may be sent again after a while. `error` if that doesn't
   * help.
   */
  | { readonly kind: "later"; readonly error: VisibleError }
  | { readonly kind: "failed"; readonly error: VisibleError };

const status = { good: 0, check: 2, conditionMet: 4, busy: 8, conflict: 0x18, full: 0x28, aborted: 0x40 } as const;

/** Reservations, or registrations, were preempted. */
const preempted = new Set([0x2a03, 0x2a05]);

/** @param name of the LUN, for people */
export const meaningOf = (reply: ScsiReply, name: string): ReplyMeaning => {
  switch (reply.status) {
    case status.good:
    case status.conditionMet:
      return { kind: "good" };
    case status.conflict:
      return { kind: "failed", error: fencedError(name) };
    case status.check:
      return checked(parseSense(reply.sense), name);
    case status.busy:
    case status.full:
    case status.aborted:
    case targetFailure:
      return { kind: "later", error: busy(name, `status 0x${reply.status.toString(16)}`) };
    default:
      return { kind: "failed", error: failed(name, `status 0x${reply.status.toString(16)}`) };
  }
};

export const fencedError = (name: string): VisibleError =>
  new VisibleError("FENCED", `${name} is reserved by another writer.`, {
    hint: "Another gateway has taken over, or a host has reserved it.",
  });

const checked = (sense: Sense, name: string): ReplyMeaning => {
  const told = senseText(sense);
  switch (sense.key) {
    case senseKey.none:
    case senseKey.recovered:
      return { kind: "good" };
    case senseKey.unitAttention:
      return preempted.has(sense.code)
        ? { kind: "failed", error: fencedError(name) }
        : { kind: "again", error: busy(name, told) };
    case senseKey.notReady:
    case senseKey.aborted:
      return { kind: "later", error: busy(name, told) };
    case senseKey.illegalRequest:
      return { kind: "failed", error: illegal(sense, name) };
    case senseKey.dataProtect:
      return { kind: "failed", error: protectedError(sense, name) };
    default:
      return { kind: "failed", error: failed(name, told) };
  }
};

const illegal = (sense: Sense, name: string): VisibleError => {
  if (sense.code === 0x2500) return new VisibleError("VOLUME_UNKNOWN", `${name} is not there.`);
  if (sense.code === 0x2100) return new VisibleError("BAD_REQUEST", `${name} has no such blocks: it is smaller.`);
  return new CommandUnsupported(`${name} refused a command (${senseText(sense)}).`);
};

/** A LUN that does not know a command, or not in this form. */
export class CommandUnsupported extends VisibleError {
  constructor(message: string) {
    super("CLUSTER_REFUSED", message, { hint: "The cluster's iSCSI service does not support it, or not so." });
  }
}

const protectedError = (sense: Sense, name: string): VisibleError =>
  sense.code === 0x2707
    ? new VisibleError("STORE_FULL", `${name} can't have more space: the cluster is full.`)
    : new VisibleError("CLUSTER_REFUSED", `${name} can't be written (${senseText(sense)}).`, {
        hint: "See whether the cluster exports it read-only.",
      });

const busy = (name: string, told: string): VisibleError =>
  new VisibleError("CLUSTER_BUSY", `${name} takes no commands now (${told}).`, { hint: "Try again later." });

const failed = (name: string, told: string): VisibleError =>
  new VisibleError("DISK_FAILED", `${name} failed (${told}).`, { hint: "Look at the cluster's alerts." });
