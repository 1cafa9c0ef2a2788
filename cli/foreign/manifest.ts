import { VisibleError } from "../../core/api/errors.ts";
import { jsonIn } from "../../core/api/json.ts";
import { type Manifest, readManifest } from "../../core/api/manifest.ts";
import type { Context } from "../context/context.ts";
import type { FoundGroup } from "./plans.ts";
import type { ForeignSite } from "./site.ts";

/**
 * The manifest of a group that is restored from. A group that is not signed gives a warning.
 * @param evenUnsigned also where its signature is missing, and should not be
 * @throws VisibleError as `judgeGroups` refuses; MANIFEST_OF_OTHER_GROUP (it names another group,
 *   whoever has not signed it); STORE_CORRUPT, STORE_TOO_NEW; GROUP_UNKNOWN (it has gone meanwhile)
 */
export const trustedManifest = async (
  context: Pick<Context, "warn">,
  { storage, config, at }: ForeignSite,
  { of, ...judged }: FoundGroup,
  { evenUnsigned }: { readonly evenUnsigned: boolean },
): Promise<Manifest> => {
  const { group } = of;
  const { groupId } = group;
  const isPassed = evenUnsigned && judged.refusal?.code === "MANIFEST_UNSIGNED";
  if (judged.refusal !== undefined && !isPassed) throw judged.refusal;
  const text = await storage.foreignManifest(groupId);
  if (text === undefined) throw new VisibleError("GROUP_UNKNOWN", `The group ${groupId} is not here any more.`);
  const manifest = readManifest(jsonIn(text), `group ${groupId}`);
  const own = ["groupId", "planId", "source", "sequence", "takenAt"] as const;
  if (own.some((field) => manifest[field] !== group[field])) {
    throw new VisibleError(
      "MANIFEST_OF_OTHER_GROUP",
      `The manifest of ${groupId} is not believed: it is that of ${manifest.groupId}, number ${manifest.sequence} of ${manifest.takenAt}.`,
      { hint: `Take another group of the plan: smtx-backup foreign-plan show ${group.planId} -c ${at}` },
    );
  }
  if (isPassed || judged.judgement?.state === "unsigned") {
    context.warn(
      `The manifest of ${groupId} is not signed: nothing shows that a gateway of site ${config.siteId} has published it.`,
    );
  }
  return manifest;
};
