import { z } from "zod";

/**
 * Identifiers. A site's id is its name, chosen by a person. Everything else that this product makes
 * has a prefixed id, so that a line of a log says what it speaks of. Ids of volumes, LUNs and
 * snapshots belong to the cluster and are opaque.
 */
export const siteIdSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, "lower-case letters, digits and dashes, 32 characters at most")
  .brand<"SiteId">();
export const gatewayIdSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/, "lower-case letters, digits and dashes, 48 characters at most")
  .brand<"GatewayId">();
const ulid = "[0-9A-HJKMNP-TV-Z]{26}";
/** `20261124T010000000Z`: a slot as part of an id, in UTC, in milliseconds; sorts by time. */
const slotKey = "[0-9]{8}T[0-9]{9}Z";
export const planIdSchema = z
  .string()
  .regex(new RegExp(`^plan_${ulid}$`), "a plan's id, such as plan_01K0Z3NDEKTSV4RRFFQ69G5FAV")
  .brand<"PlanId">();
export const runIdSchema = z
  .string()
  .regex(
    new RegExp(`^(run|restore|deletion)_${ulid}_${slotKey}$`),
    "a run's id, such as run_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z",
  )
  .brand<"RunId">();
export const groupIdSchema = z
  .string()
  .regex(
    new RegExp(`^group_${ulid}_${slotKey}$`),
    "a group's id, such as group_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z",
  )
  .brand<"GroupId">();
export const failoverIdSchema = z
  .string()
  .regex(
    new RegExp(`^failover_${ulid}_${slotKey}$`),
    "a failover's id, such as failover_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z",
  )
  .brand<"FailoverId">();
/** What a person has called a plan. */
export const planNameSchema = z.string().max(63);
/** An opaque id given by a storage cluster: to a volume, a LUN, a snapshot. */
export const storageIdSchema = z.string().min(1).max(256);

export type SiteId = z.infer<typeof siteIdSchema>;
export type GatewayId = z.infer<typeof gatewayIdSchema>;
export type PlanId = z.infer<typeof planIdSchema>;
export type RunId = z.infer<typeof runIdSchema>;
export type GroupId = z.infer<typeof groupIdSchema>;
export type FailoverId = z.infer<typeof failoverIdSchema>;

/**
 * An instant as everything here writes it: ISO 8601 in UTC with milliseconds, so that text
 * order is time order.
 */
export const instantSchema = z.iso.datetime({ precision: 3 }).brand<"Instant">();
export type Instant = z.infer<typeof instantSchema>;

const digits = (instant: Instant) => instant.replaceAll(/[-:.]/g, "");

/**
 * The one run of a plan's slot: the same slot always gives the same id, so a slot that
 * fires twice is one run.
 */
export const runIdOf = (planId: PlanId, slot: Instant): RunId =>
  runIdSchema.parse(`run_${planId.slice("plan_".length)}_${digits(slot)}`);

/** A restore is a run too; its slot is the moment it was asked for. */
export const restoreIdOf = (planId: PlanId, slot: Instant): RunId =>
  runIdSchema.parse(`restore_${planId.slice("plan_".length)}_${digits(slot)}`);

/** What deletes by hand is a run as well; its slot is the moment it was confirmed. */
export const deletionIdOf = (planId: PlanId, slot: Instant): RunId =>
  runIdSchema.parse(`deletion_${planId.slice("plan_".length)}_${digits(slot)}`);

/** A failover begins restores and runs, and is none itself. Its instant: of its confirmation. */
export const failoverIdOf = (planId: PlanId, confirmedAt: Instant): FailoverId =>
  failoverIdSchema.parse(`failover_${planId.slice("plan_".length)}_${digits(confirmedAt)}`);

/**
 * The snapshot group that a run makes. The group on the source and its mirrors on the
 * targets share the id.
 */
export const groupIdOf = (runId: RunId): GroupId => groupIdSchema.parse(`group_${runId.slice(runId.indexOf("_") + 1)}`);

/** The run that made a group. */
export const runIdOfGroup = (groupId: GroupId): RunId => runIdSchema.parse(`run_${groupId.slice("group_".length)}`);

export const isRestoreId = (runId: RunId): boolean => runId.startsWith("restore_");

/** The restore that made a group, of one that a restore made: its safety group. */
export const restoreIdOfGroup = (groupId: GroupId): RunId =>
  runIdSchema.parse(`restore_${groupId.slice("group_".length)}`);

/** The plan that a run, a group or a failover belongs to. */
export const planIdOf = (id: RunId | GroupId | FailoverId): PlanId =>
  planIdSchema.parse(`plan_${id.slice(id.indexOf("_") + 1, id.lastIndexOf("_"))}`);

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** The first ten characters of an id like a ULID: an instant. */
const timePart = (milliseconds: number): string =>
  Array.from({ length: 10 }, (_, i) => crockford[Math.floor(milliseconds / 32 ** (9 - i)) % 32]).join("");

/** The slot of a run, or the moment that something was asked for, as its id has it. */
export const slotOf = (id: RunId | GroupId | FailoverId): Instant => {
  const [, year, month, day, hour, minute, second, rest] =
    /_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/.exec(id) ?? [];
  return instantSchema.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${rest}Z`);
};

/**
 * By which a site knows what is brought there for a restore: a plan's id that no plan has, made of
 * the restore's instant and what is random of its own plan's, and the group's with the same.
 */
export const stagedIdsOf = (restoreId: RunId): { readonly planId: PlanId; readonly groupId: GroupId } => {
  const random = planIdOf(restoreId).slice(-16);
  const slot = restoreId.slice(restoreId.lastIndexOf("_"));
  const ulid = `${timePart(Date.parse(slotOf(restoreId)))}${random}`;
  return { planId: planIdSchema.parse(`plan_${ulid}`), groupId: groupIdSchema.parse(`group_${ulid}${slot}`) };
};
