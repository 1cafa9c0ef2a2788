import { VisibleError } from "../core/api/errors.ts";
import type { KeptGroup, ManifestProof } from "../core/api/foreign/proof.ts";
import { judgeManifest, type ManifestJudge, type ManifestJudgement } from "./manifest-proof.ts";

/** A group with what is to be thought of its manifest: it is believed, or there is a reason. */
export type JudgedGroup<Group> =
  | { readonly of: Group; readonly judgement: ManifestJudgement; readonly refusal?: undefined }
  | { readonly of: Group; readonly judgement?: undefined; readonly refusal: VisibleError };

/**
 * Judges a site's groups, each by its proof and by those before it: a plan's group that is not
 * signed, and newer than one that is, has lost its proof, or a gateway of before has published it.
 * @returns in the order in which they were given; a refusal is one of `judgeManifest`, or
 *   MANIFEST_UNSIGNED
 */
export const judgeGroups = <Group extends { readonly group: KeptGroup; readonly proof?: ManifestProof | undefined }>(
  groups: readonly Group[],
  judge: ManifestJudge,
): readonly JudgedGroup<Group>[] => {
  const judged = groups.map((of) => judgeOne(of, judge));
  const signedFrom = new Map<string, number>();
  for (const one of judged) {
    if (one.refusal !== undefined || one.judgement.state === "unsigned") continue;
    const { sequence } = one.of.group;
    const owner = ownerOf(one.of.group);
    signedFrom.set(owner, Math.min(sequence, signedFrom.get(owner) ?? sequence));
  }
  return judged.map((one) => {
    const isUnsigned = one.refusal === undefined && one.judgement.state === "unsigned";
    const from = signedFrom.get(ownerOf(one.of.group)) ?? Number.POSITIVE_INFINITY;
    return isUnsigned && one.of.group.sequence > from ? { of: one.of, refusal: unsigned(one.of.group) } : one;
  });
};

const judgeOne = <Group extends { readonly group: KeptGroup; readonly proof?: ManifestProof | undefined }>(
  of: Group,
  judge: ManifestJudge,
): JudgedGroup<Group> => {
  try {
    return { of, judgement: judgeManifest(of.proof, of.group, judge) };
  } catch (error) {
    if (VisibleError.is(error)) return { of, refusal: error };
    throw error;
  }
};

const ownerOf = ({ planId, source }: KeptGroup): string => `${planId}/${source}`;

const unsigned = ({ groupId }: KeptGroup): VisibleError =>
  new VisibleError(
    "MANIFEST_UNSIGNED",
    `The manifest of ${groupId} is not signed, and that of an older group of the plan is: its signature was taken away, or a gateway of an older version has published it.`,
    { hint: "Take another group of the plan; or this one all the same, with --even-unsigned." },
  );
