import { createHash } from "node:crypto";
import type { Owner } from "../control.ts";

/*
 * What everything that this product makes on a cluster is called there. CloudTower has no place for
 * a tag on LUNs and snapshots but their names; labels are for people, who may change them.
 */

const tag = "smtx-backup";

/** With which the name of everything begins that this product has made. */
export const ourPrefix = `${tag}.`;

/** Whether a name says that this product has made what it names. */
export const isOurs = (name: string): boolean => name === tag || name.startsWith(ourPrefix);

/** `rebuild`: what is to get a customer's name when the records have it. */
type Role = "ledger" | "mirror" | "read" | "manifest" | "group" | "rebuild" | "probe";

/** `smtx-backup.ROLE.…`: what it is for comes first, so that a person sees what it is. */
export const ourName = (role: Role, ...parts: readonly string[]) => [tag, role, ...parts].join(".");

/** What throw-away objects of a probe are called: nothing else begins so. */
export const probePrefix = `${ourName("probe")}.`;

/** The part of a name that says whose it is. */
export const ownerTag = ({ source, planId }: Owner): string => `${source}.${planId}`;

/** In which the shells of a plan's mirrored VMs lie. */
export const shellFolder = (owner: Owner): string => ourName("mirror", ownerTag(owner));

/** Of a name that may be longer than a cluster takes, or have characters that it does not. */
export const digestOf = (...texts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 12);

/** Whether it is what a restore has made, before it is called what it is to be called. */
export const isRebuild = (name: string): boolean => name.startsWith(`${ourName("rebuild")}.`);

/** Of what the writing of a mirror starts from, for one epoch. */
export const baseName = (mirrorVolumeId: string, epoch: number): string =>
  ourName("read", baseHolder, digestOf(mirrorVolumeId, String(epoch)));

const baseHolder = "base";
const recoveryHolder = "recovery";

/** Of what a manifest is read through, while records are made again. */
export const recoveryName = (part: string): string => ourName("read", recoveryHolder, part);

/** Whether it is of no use without the records that it was made for: no content of a group. */
export const isPassing = (name: string): boolean =>
  [baseHolder, recoveryHolder].some((holder) => name.startsWith(`${ourName("read", holder)}.`));

/** Who reads a snapshot through the LUN of this name; undefined: it is none of those. */
export const holderOf = (name: string): string | undefined => {
  const [ours, role, holder, ...rest] = name.split(".");
  return ours === tag && role === "read" && holder !== baseHolder && rest.length > 0 ? holder : undefined;
};

/** What stays when nothing is in it. */
export const isLasting = (name: string): boolean =>
  [ourName("ledger"), ourName("read"), ourName("manifest")].includes(name);
