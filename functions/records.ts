import type { GroupId, PlanId, RunId, SiteId } from "../core/api/ids.ts";
import { planIdOf } from "../core/api/ids.ts";
import type { Step } from "../core/api/run.ts";
import type { Key } from "../core/ports/store.ts";

/**
 * Where each kind of document lies in the single table. A partition is what is listed together: the catalogue (names
 * of sites, plans and tokens), a site, a plan with its runs and groups, and a run with its facts.
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
/** `Revocations`: of a multi-cluster. */
export const revocationsKey = (multiCluster: SiteId): Key => ({
  partition: `MULTICLUSTER#${multiCluster}`,
  sort: "REVOCATIONS",
});
/** One part of an inventory; see functions/inventory.ts. */
export const inventoryPrefix = "INVENTORY#";
export const inventoryKey = (siteId: SiteId, generation: number, part: number): Key => ({
  partition: `SITE#${siteId}`,
  sort: `${inventoryPrefix}${generation.toString().padStart(16, "0")}#${indexDigits(part)}`,
});

/** `Plan` */
export const planKey = (planId: PlanId): Key => ({ partition: `PLAN#${planId}`, sort: "PLAN" });
/** `{ planId }`: makes names unique, and lists the plans. */
export const planNamePrefix = "NAME#";
export const planNameKey = (name: string): Key => ({ partition: "PLANS", sort: `${planNamePrefix}${name}` });

/** `Run`, listed by its slot, newest last; restores among them. */
export const runPrefix = "RUN#";
export const runKey = (runId: RunId): Key => ({
  partition: `PLAN#${planIdOf(runId)}`,
  sort: `${runPrefix}${runId.slice(runId.lastIndexOf("_") + 1)}#${runId}`,
});
/** The run that a key of `runKey` is of. */
export const runIdOfKey = (key: Key): RunId => key.sort.slice(key.sort.lastIndexOf("#") + 1) as RunId;
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

/** `RunPlan` */
export const runPlanKey = (runId: RunId): Key => ({ partition: `RUN#${runId}`, sort: "PLAN" });
/** What one object's step at one target came to: the part of a `TaskResult` that is about it. */
export const factPrefix = (step: Step, target: SiteId | "source") => `FACT#${step}#${target}#`;
export const factKey = (runId: RunId, step: Step, target: SiteId | "source", index: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `${factPrefix(step, target)}${indexDigits(index)}`,
});
/** `BaseFact`: what the transfers to a target were measured against. */
export const baseKey = (runId: RunId, target: SiteId): Key => ({ partition: `RUN#${runId}`, sort: `BASE#${target}` });
/** Is there when a target said that it has no base of this object: the transfer is a full one then. */
export const lostBaseKey = (runId: RunId, target: SiteId, index: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `LOSTBASE#${target}#${indexDigits(index)}`,
});
/** `Progress` of one object at one target. */
export const progressPrefix = (target?: SiteId) => (target === undefined ? "PROGRESS#" : `PROGRESS#${target}#`);
export const progressKey = (runId: RunId, target: SiteId, index: number): Key => ({
  partition: `RUN#${runId}`,
  sort: `${progressPrefix(target)}${indexDigits(index)}`,
});

/** `DeadLetter`: a report about the run that could not be taken in. */
export const deadLetterPrefix = "DEADLETTER#";
export const deadLetterKey = (runId: RunId, messageId: string): Key => ({
  partition: `RUN#${runId}`,
  sort: `${deadLetterPrefix}${messageId}`,
});

/** Is there when a run's documents have an end: the note of whoever gave it to them. */
export const expiryKey = (runId: RunId): Key => ({ partition: `RUN#${runId}`, sort: "EXPIRY" });

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

/** `Token`: what is stored of a bearer token, by the SHA-256 of its secret. */
export const tokenKey = (sha256: string): Key => ({ partition: "TOKENS", sort: `TOKEN#${sha256}` });
