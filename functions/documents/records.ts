import type { FailoverId, GroupId, Instant, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import { planIdOf } from "../../core/api/ids.ts";
import type { Step } from "../../core/api/run.ts";
import { keyPart } from "../../core/object/place.ts";
import type { Key } from "../../core/ports/store.ts";

/**
 * Where each kind of document lies; tables.ts says in which table. A partition is what is listed
 * together: the catalogue (names of sites, plans and tokens), a site, a plan with its runs and
 * groups, and a run with its facts.
 */
const sequenceDigits = (sequence: number) => sequence.toString().padStart(10, "0");
const indexDigits = (index: number) => index.toString().padStart(5, "0");

/** `Site` */
export const siteKey = (siteId: SiteId): Key => ({ partition: "SITES", sort: `SITE#${siteId}` });
/** `Gateway` */
export const gatewayKey = (siteId: SiteId, gatewayId: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `GATEWAY#${gatewayId}`,
});
/** `GatewayCertificates` */
export const certificatesKey = (siteId: SiteId, gatewayId: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `CERTIFICATES#${gatewayId}`,
});
/** `LastProof` */
export const lastProofKey = (siteId: SiteId, gatewayId: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `PROOF#${gatewayId}`,
});
/** `Revocations`: of a multi-cluster. */
export const revocationsKey = (multiCluster: SiteId): Key => ({
  partition: `MULTICLUSTER#${multiCluster}`,
  sort: "REVOCATIONS",
});
/** `InventoryHead`: of when what is known of the site is. */
export const inventoryHeadKey = (siteId: SiteId): Key => ({ partition: `SITE#${siteId}`, sort: "INVENTORY" });
/**
 * `JudgedObject`: what the site has, by `Placed.place`, or those whose places begin with a text.
 */
export const objectPrefix = "OBJECT#";
export const objectKey = (siteId: SiteId, place: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `${objectPrefix}${place}`,
});
/** `NamedObject`: where the objects of a name lie; `name` is a `keyPart`. */
export const objectNamePrefix = "OBJECTNAME#";
export const objectNameKey = (siteId: SiteId, name: string, place: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `${objectNamePrefix}${name}#${place}`,
});
/** `ObjectLock`: an object, or a volume of one, that a restore writes; `id` is a `keyPart`. */
export const lockPrefix = "LOCK#";
export const lockKey = (siteId: SiteId, id: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `${lockPrefix}${id}`,
});
/** `Facilities`: what the site has besides objects. */
export const facilitiesKey = (siteId: SiteId): Key => ({ partition: `SITE#${siteId}`, sort: "FACILITIES" });
/** `Damage`, by `Placed.place`. */
export const damagePrefix = "DAMAGE#";
export const damageKey = (siteId: SiteId, place: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `${damagePrefix}${place}`,
});
/** One part of an inventory, as versions before stored it; see functions/inventory/before.ts. */
export const inventoryPrefix = "INVENTORY#";
export const inventoryKey = (siteId: SiteId, generation: number, part: number): Key => ({
  partition: `SITE#${siteId}`,
  sort: `${inventoryPrefix}${generation.toString().padStart(16, "0")}#${indexDigits(part)}`,
});

/**
 * `ObjectPage`: a plan's or a run's objects, in that one's partition; see
 * functions/plans/object-pages.ts.
 */
export const objectPagePrefix = (set: string) => `OBJECTS#${set}#`;
export const objectPageKey = (partition: string, set: string, page: number): Key => ({
  partition,
  sort: `${objectPagePrefix(set)}${indexDigits(page)}`,
});

/** `StoredPlan` */
export const planKey = (planId: PlanId): Key => ({ partition: `PLAN#${planId}`, sort: "PLAN" });
/** `{ planId }`: makes names unique, and lists the plans. */
export const planNamePrefix = "NAME#";
export const planNameKey = (name: string): Key => ({ partition: "PLANS", sort: `${planNamePrefix}${name}` });
export interface PastName {
  readonly planId: PlanId;
  readonly deletedAt: Instant;
}
/** `PastName`: a deleted plan under the name that it had, after all names of the living. */
export const pastNamePrefix = (name: string) => `PASTNAME#${name}#`;
export const pastNameKey = (name: string, planId: PlanId): Key => ({
  partition: planNameKey("").partition,
  sort: `${pastNamePrefix(name)}${planId}`,
});

/** `GoneRecord`: an object of the plan that its source has not any more. */
export const gonePrefix = "GONE#";
export const goneKey = (planId: PlanId, kind: string, id: string): Key => ({
  partition: `PLAN#${planId}`,
  sort: `${gonePrefix}${kind}#${keyPart(id)}`,
});

/** `Run`, listed by its slot, newest last; restores among them. */
export const runPrefix = "RUN#";
export const runKey = (runId: RunId): Key => ({
  partition: `PLAN#${planIdOf(runId)}`,
  sort: `${runPrefix}${runId.slice(runId.lastIndexOf("_") + 1)}#${runId}`,
});
/** `TargetRun`: beside its run, so that a list of runs has their parts. */
export const partKey = (runId: RunId, target: SiteId): Key => {
  const { partition, sort } = runKey(runId);
  return { partition, sort: `${sort}#${target}` };
};
/** Whose document a key of `runKey` or `partKey` is of. */
export const runOfKey = ({ sort }: Key): { readonly runId: RunId; readonly target?: SiteId } => {
  const [, , runId = "", target] = sort.split("#");
  return { runId: runId as RunId, ...(target !== undefined && { target: target as SiteId }) };
};
/** `Skip` */
export const skipPrefix = "SKIP#";
export const skipKey = (planId: PlanId, firstSlot: string): Key => ({
  partition: `PLAN#${planId}`,
  sort: `${skipPrefix}${firstSlot}`,
});
/** `Group`: by site, so that a target's restore points are listed together, in their order. */
export const groupPrefix = (siteId?: SiteId) => (siteId === undefined ? "GROUP#" : `GROUP#${siteId}#`);
export const groupKey = (groupId: GroupId, siteId: SiteId): Key => ({
  partition: `PLAN#${planIdOf(groupId)}`,
  sort: `${groupPrefix(siteId)}${groupId}`,
});

/** `Failover`: those of a plan together, in the order in which they were confirmed. */
export const failoverPrefix = "FAILOVER#";
export const failoverKey = (id: FailoverId): Key => ({ partition: "FAILOVERS", sort: `${failoverPrefix}${id}` });
export const failoverOfKey = ({ sort }: Key): FailoverId => sort.slice(failoverPrefix.length) as FailoverId;
/** `{ failoverId }`: the one of a plan that has not ended, and its test. */
export const currentFailoverKey = (planId: PlanId, isTest: boolean): Key => ({
  partition: `PLAN#${planId}`,
  sort: `FAILING#${isTest ? "test" : "moved"}`,
});

/** `RunPlan` */
export const runPlanKey = (runId: RunId): Key => ({ partition: `RUN#${runId}`, sort: "PLAN" });
/** What one object's step at one target came to: the part of a `TaskResult` that is about it. */
export const factPrefix = (step: Step, target: SiteId | "source") => `FACT#${step}#${target}#`;
export const factKey = (runId: RunId, step: Step, target: SiteId | "source", index: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `${factPrefix(step, target)}${indexDigits(index)}`,
});
/**
 * `VolumePage`: which of a run's volumes are which object's, by the first of them. An
 * answer that came in so many parts has its own: pages of answers that were cut otherwise
 * have gaps between them.
 */
export const volumePagePrefix = (parts: number) => `VOLUMES#${indexDigits(parts)}#`;
export const volumePageKey = (runId: RunId, parts: number, fromVolume: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `${volumePagePrefix(parts)}${indexDigits(fromVolume)}`,
});
/** `{ warnings }`: what is to be known of what a task came to. */
export const warningPrefix = (step: Step, target: SiteId | "source") => `WARNING#${step}#${target}#`;
export const warningKey = (runId: RunId, step: Step, target: SiteId | "source", index: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `${warningPrefix(step, target)}${indexDigits(index)}`,
});
/** `Taken`: what a restore brings to its target, as far as it is counted. */
export const stagedKey = (runId: RunId): Key => ({ partition: `RUN#${runId}`, sort: "STAGED" });
/** `{ volumes }`: some of the volumes that a restore brings, in their order. */
export const stagedPagePrefix = "STAGEDVOLUMES#";
export const stagedVolumesKey = (runId: RunId, page: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `${stagedPagePrefix}${indexDigits(page)}`,
});
/** `Mapping`: where the run's mirrors at a target lie, and what they are connected to. */
export const mappingKey = (runId: RunId, target: SiteId): Key => ({
  partition: `RUN#${runId}`,
  sort: `MAPPING#${target}`,
});
/** `Base`: what the transfers to a target were measured against. */
export const baseKey = (runId: RunId, target: SiteId): Key => ({ partition: `RUN#${runId}`, sort: `BASE#${target}` });
/** `Shard`: of the tasks of a step. `place`: the target; of the snapshot, the source. */
export const shardPrefix = (place: SiteId, step: Step) => `SHARD#${place}#${step}#`;
export const shardKey = (runId: RunId, place: SiteId, step: Step, shard: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `${shardPrefix(place, step)}${shard}`,
});
/** Which shard a key of `shardKey` is of. */
export const shardOfKey = ({ partition, sort }: Key) => {
  const [, place = "", step = "", shard = ""] = sort.split("#");
  const runId = partition.slice("RUN#".length) as RunId;
  return { runId, place: place as SiteId, step: step as Step, shard: Number(shard) };
};

/**
 * `Question`: what a site was asked outside of its run's own reclaim; `place`: 0 for the target, 1
 * for the source.
 */
export const questionKey = (runId: RunId, target: SiteId, place: number, about: "list" | "tidy"): Key => ({
  partition: `RUN#${runId}`,
  sort: `QUESTION#${target}#${place}#${about}`,
});

/** `SpaceQuestion`: what a site was asked about its space. */
export const spaceQuestionKey = (siteId: SiteId, questionId: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `SPACE#${questionId}`,
});

/** `Adoption`: what a site was asked of the foreign plans that it holds. */
export const adoptionKey = (siteId: SiteId, adoptionId: string): Key => ({
  partition: `SITE#${siteId}`,
  sort: `ADOPTION#${adoptionId}`,
});
/** `ManifestPiece`: of a group that the site tells of. */
export const manifestPieceKey = (adoptionId: string, groupId: GroupId, piece: number): Key => ({
  partition: `ADOPTION#${adoptionId}`,
  sort: `PIECE#${groupId}#${indexDigits(piece)}`,
});
/** `GroupOutcome`: what became of one of them. */
export const groupOutcomePrefix = "GROUP#";
export const groupOutcomeKey = (adoptionId: string, groupId: GroupId): Key => ({
  partition: `ADOPTION#${adoptionId}`,
  sort: `${groupOutcomePrefix}${groupId}`,
});
/** `AdoptedPlan`: what became of a plan. */
export const planOutcomePrefix = "PLAN#";
export const planOutcomeKey = (adoptionId: string, planId: PlanId): Key => ({
  partition: `ADOPTION#${adoptionId}`,
  sort: `${planOutcomePrefix}${planId}`,
});

/** `DeadLetter`: a report about the run that could not be taken in. */
export const deadLetterPrefix = "DEADLETTER#";
export const deadLetterKey = (runId: RunId, messageId: string): Key => ({
  partition: `RUN#${runId}`,
  sort: `${deadLetterPrefix}${messageId}`,
});

/** `{ at }`: when a run's documents are deleted, by what was decided last. */
export const expiryKey = (runId: RunId): Key => ({ partition: `RUN#${runId}`, sort: "EXPIRY" });
/** `{ runId }`: what is to be deleted, in the order of time. */
export const expiriesKey = (at: string, runId: RunId): Key => ({ partition: "EXPIRIES", sort: `AT#${at}#${runId}` });
export const expiriesPrefix = "AT#";

/** An outbox entry: the effects of one commit of one aggregate, in order. */
export const outboxKey = (aggregate: Key, version: number): Key => ({
  partition: aggregate.partition,
  sort: `OUTBOX#${aggregate.sort}#${sequenceDigits(version)}`,
});

/** `Enrolment`: what is stored of an enrolment token, by the SHA-256 of its secret. */
export const enrolmentKey = (sha256: string): Key => ({ partition: "ENROLMENTS", sort: `ENROLMENT#${sha256}` });

/** `AuditEntry`, by time. */
export const auditKey = (at: string, unique: string): Key => ({
  partition: "AUDIT",
  sort: `AT#${at}${unique === "" ? "" : `#${unique}`}`,
});

/** `Refusal`: those of one sender for one reason within one minute; its version counts them. */
export const refusalPrefix = "REFUSAL#";
export const refusalKey = (minute: string, sender: string, code: string): Key => ({
  partition: "REFUSALS",
  sort: `${refusalPrefix}${minute}#${sender}#${code}`,
});

/** `SaidRefused`: what a gateway said within a minute that it has refused its peers. */
export const refusedPeersPrefix = "REFUSEDPEERS#";
export const refusedPeersKey = (minute: string, siteId: SiteId, gatewayId: string): Key => ({
  partition: "REFUSALS",
  sort: `${refusedPeersPrefix}${minute}#${siteId}#${gatewayId}`,
});

/** `TakenOver`: what lay in a single table has been taken apart. */
export const takenOverKey: Key = { partition: "TAKENOVER", sort: "TAKENOVER" };

/** `Token`: what is stored of a bearer token, by the SHA-256 of its secret. */
export const tokenKey = (sha256: string): Key => ({ partition: "TOKENS", sort: `TOKEN#${sha256}` });
