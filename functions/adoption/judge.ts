import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { ForeignGroupTold } from "../../core/api/adoption/foreign-plans.ts";
import { manifestBytesMax } from "../../core/api/adoption/foreign-plans.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { type Instant, planIdOf } from "../../core/api/ids.ts";
import { jsonIn } from "../../core/api/json.ts";
import { type Manifest, readManifest } from "../../core/api/manifest.ts";
import type { Reason } from "../../core/api/reason.ts";
import { isAhead, within } from "../../core/ports/clock.ts";
import { judgeManifest, manifestDigest } from "../../pki/manifest-proof.ts";
import type { Deps } from "../ports/deps.ts";
import type { Adoption } from "./documents.ts";

/** A group that its site's gateway has published, as far as can be told from here. */
export interface BelievedGroup {
  readonly manifest: Manifest;
  readonly sizeBytes: number;
  readonly publishedAt: Instant;
  /** Absent: nobody has signed it. */
  readonly isSigned?: true;
  /** What is to be known of it. */
  readonly reason?: Reason;
}

/**
 * Plans count their runs by ones, and no plan has had so many. A site that says a number above it
 * would take those that are left from the plan's other targets.
 */
export const adoptedSequenceMax = 1_000_000_000;

const unpacking = promisify(gunzip);

/**
 * Judges what a site tells of a group.
 * @param packed its manifest
 * @throws VisibleError as `judgeManifest`, STORE_TOO_NEW, STORE_CORRUPT, MESSAGE_TOO_LARGE (the
 *   manifest is too large to be told), BAD_REQUEST (what it says can't be)
 */
export const judgeGroup = async (
  deps: Pick<Deps, "clock">,
  { authorities, multiCluster, siteId }: Adoption,
  { group, sizeBytes, proof, pieces }: Omit<ForeignGroupTold, "packed">,
  packed: string,
): Promise<BelievedGroup> => {
  const { groupId } = group;
  if (pieces === 0) {
    throw new VisibleError("MESSAGE_TOO_LARGE", `The manifest of ${groupId} is too large, or the group is gone.`);
  }
  const text = await textOf(packed);
  if (manifestDigest(text) !== group.manifestSha256) {
    throw new VisibleError("MANIFEST_CHANGED", `What site ${siteId} tells of ${groupId} is not what it keeps.`);
  }
  const judgement = judgeManifest(proof, group, { authorities, multiCluster, siteId });
  const manifest = readManifest(jsonIn(text), `group ${groupId}`);
  refuseImpossible(deps, siteId, group, manifest);
  const isSigned = judgement.state === "signed";
  const publishedAt = within(isSigned ? judgement.publishedAt : group.takenAt, [group.takenAt, deps.clock.now()]);
  return { manifest, sizeBytes, publishedAt, ...(isSigned ? { isSigned } : { reason: unsigned }) };
};

const unsigned: Reason = {
  code: "MANIFEST_UNSIGNED",
  message: "Nobody has signed it: whoever could write to the site's store may have made it, or changed it.",
};

/** What can't be unpacked is nothing, which has another digest than it should have. */
const textOf = async (packed: string): Promise<string> => {
  try {
    return (await unpacking(Buffer.from(packed, "base64"), { maxOutputLength: manifestBytesMax })).toString("utf8");
  } catch {
    return "";
  }
};

const refuseImpossible = (
  { clock }: Pick<Deps, "clock">,
  siteId: Adoption["siteId"],
  group: ForeignGroupTold["group"],
  manifest: Manifest,
): void => {
  const own = ["groupId", "planId", "source", "sequence", "takenAt"] as const;
  const isOther = own.some((field) => manifest[field] !== group[field]);
  if (isOther || planIdOf(group.groupId) !== group.planId) {
    const what = `The manifest of ${group.groupId} is of another group: ${manifest.groupId} with number ${manifest.sequence}.`;
    throw new VisibleError("MANIFEST_OF_OTHER_GROUP", what);
  }
  const wrong = impossible(clock, siteId, manifest);
  if (wrong !== undefined)
    throw new VisibleError("BAD_REQUEST", `What is told of ${group.groupId} can't be: ${wrong}.`);
};

const impossible = (
  clock: Deps["clock"],
  siteId: Adoption["siteId"],
  { source, sequence, takenAt, objects }: Manifest,
): string | undefined => {
  if (source === siteId) return "it is of the site's own objects";
  if (objects.length === 0) return "it has no objects";
  if (isAhead(takenAt, clock.now())) return `it was taken in the future, at ${takenAt}`;
  return sequence > adoptedSequenceMax ? `no plan has had ${sequence} runs` : undefined;
};
