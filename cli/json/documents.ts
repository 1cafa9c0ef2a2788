import { z } from "zod";
import { adoptionAnswerSchema } from "../../core/api/adoption/adoption.ts";
import {
  facilitiesAnswerSchema,
  gatewayAnswerSchema,
  planAnswerSchema,
  planListEntrySchema,
  planMemberSchema,
  retentionAnswerSchema,
  scheduleAnswerSchema,
} from "../../core/api/answers.ts";
import { auditEntrySchema } from "../../core/api/audit.ts";
import { enrolmentCreatedSchema, gatewayRemovedSchema } from "../../core/api/enrolment.ts";
import { foreignPlanDetailSchema, foreignPlanSchema, foreignRestoreSchema } from "../../core/api/foreign/answers.ts";
import { instantSchema, siteIdSchema } from "../../core/api/ids.ts";
import { objectKindSchema } from "../../core/api/object/common.ts";
import { powerStateSchema } from "../../core/api/object/vm.ts";
import { unusableObjectSchema } from "../../core/api/object.ts";
import { siteSchema, switchMapSchema } from "../../core/api/site.ts";
import { planStatusSchema, statusAnswerSchema, targetHealthSchema } from "../../core/api/status.ts";
import { tokenCreatedSchema, tokenSchema } from "../../core/api/token.ts";
import { probeReportSchema } from "../../gateway/storage/smtx/probe/report.ts";
import { attachmentDocument } from "./attachment.ts";
import { deletionOrRun, leftOverDocument } from "./deletion.ts";
import { failoverBegun, failoverDocument, failoverOrId } from "./failover.ts";
import { foreignAttachmentDocument } from "./foreign.ts";
import { groupDocument, groupLineDocument } from "./group.ts";
import { objectDocument } from "./object.ts";
import { askedForDocument, runDocument, runLineDocument } from "./run.ts";

const items = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });
const itemsCut = <T extends z.ZodType>(item: T) => items(item).extend({ more: z.boolean() });

const site = z.string();
/** Whether the API knows of it already. */
const inventoryRefreshed = z.boolean();
const lost = z.array(z.object({ what: z.string(), deletedBytes: z.int().min(0).optional() }));
const deletedNothing = z.object({ deleted: z.null() });
const facilityKind = z.enum(["pool", "switch", "nfs-export"]);
const facilityText = z.record(z.string(), z.unknown());

/** What a site has; `observedAt` is missing where a store itself was looked at. */
const objects = z.object({
  siteId: z.string(),
  observedAt: instantSchema.optional(),
  objects: z.array(objectDocument),
  unusable: z.array(unusableObjectSchema).optional(),
});

const plan = planAnswerSchema;
/** Interrupted before the run was seen once, it is only known by its id. */
const runOrId = z.union([runDocument, z.strictObject({ id: z.string() })]);
const runAskedFor = z.union([runDocument, askedForDocument, z.strictObject({ id: z.string() })]);

const objectPower = z.object({
  id: z.string(),
  name: z.string(),
  site,
  status: powerStateSchema.optional(),
  inventoryRefreshed,
});

/**
 * What each command prints with `--json`, in the API's terms: `printedSchemaOf` has the form in
 * which it is printed. Null: it prints none, as it prints something else.
 */
export const documents: Readonly<Record<string, z.ZodType | null>> = {
  "local up": z.object({ url: z.url(), tokenFile: z.string(), dir: z.string(), sites: z.array(siteIdSchema) }),
  "ca init": z.object({ multiCluster: z.string(), certificate: z.string(), key: z.string() }),
  // Its log, a JSON document a line.
  "gateway run": null,
  "gateway check": z.object({
    findings: z.array(
      z.object({ what: z.string(), text: z.string(), passed: z.boolean(), hint: z.string().optional() }),
    ),
  }),
  "gateway probe": z.union([probeReportSchema, z.strictObject({ changed: z.null() })]),
  "gateway invite": enrolmentCreatedSchema,
  "gateway enrol": z.object({ expiresAt: instantSchema }),
  "gateway remove": gatewayRemovedSchema,
  "gateway list": items(gatewayAnswerSchema),
  "site list": items(siteSchema),
  "site show": siteSchema.extend(facilitiesAnswerSchema.shape),
  "site map": z.object({ site: siteIdSchema, target: siteIdSchema, switches: switchMapSchema }),
  "site create": siteSchema,
  "site limit": siteSchema,
  "token create": tokenCreatedSchema,
  "token list": items(tokenSchema),
  "token revoke": z.object({ revoked: z.string() }),
  "table take-over": z.object({
    table: z.string(),
    at: instantSchema,
    moved: z.object({ access: z.int(), audit: z.int() }),
    isNew: z.boolean(),
  }),
  "object list": objects,
  "object show": objectDocument,
  "object create": z.object({
    objects: z.array(objectDocument),
    /** Each as it was, where it was there, and as it is. */
    facilities: z.array(
      z.object({ kind: facilityKind, name: z.string(), before: facilityText.optional(), now: facilityText }),
    ),
    site,
    inventoryRefreshed,
  }),
  "object update": z.union([
    z.object({ object: objectDocument, site, lost, inventoryRefreshed }),
    z.object({ changed: z.null() }),
  ]),
  "object label": z.object({
    id: z.string(),
    name: z.string(),
    site,
    labels: z.record(z.string(), z.string()),
    inventoryRefreshed,
  }),
  "object power-on": objectPower,
  "object power-off": objectPower,
  "object delete": z.union([
    z.object({ id: z.string(), kind: objectKindSchema, name: z.string(), site, lost, inventoryRefreshed }),
    z.object({ kind: facilityKind, name: z.string(), site, inventoryRefreshed }),
    deletionOrRun,
  ]),
  "volume import": z.object({
    id: z.string(),
    sizeBytes: z.int().min(0),
    writtenBytes: z.int().min(0),
    zeroedBytes: z.int().min(0),
    site,
    seconds: z.number().min(0),
    inventoryRefreshed,
  }),
  "volume list": objects,
  "volume rename": z.object({ id: z.string(), name: z.string(), before: z.string(), site, inventoryRefreshed }),
  "volume delete": z.union([z.object({ id: z.string(), name: z.string(), site, inventoryRefreshed }), deletedNothing]),
  "volume export": z.object({
    file: z.string(),
    format: z.enum(["raw", "qcow2"]),
    sizeBytes: z.int().min(0),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    seconds: z.number().min(0),
  }),
  status: z.object({
    items: z.array(planStatusSchema),
    absentSites: statusAnswerSchema.shape.absentSites,
    summary: z.record(targetHealthSchema, z.int().min(0)),
    unreadable: z.int().min(0),
  }),
  "plan create": z.object({ plan, slots: z.array(instantSchema) }),
  "plan list": items(planListEntrySchema),
  "plan show": plan.extend({ members: z.array(planMemberSchema) }),
  "plan update": z.object({ plan, slots: z.array(instantSchema) }),
  "plan run": runAskedFor,
  "plan suspend": plan,
  "plan resume": plan,
  "plan delete": z.union([z.object({ deleted: z.string().nullable() }), deletionOrRun]),
  "plan preview": z.object({ schedule: scheduleAnswerSchema, retention: retentionAnswerSchema }),
  // Since: `24h`, as `--since` has it, or would have it to have the same runs.
  "run list": itemsCut(runLineDocument).extend({ since: z.string().optional() }),
  "run show": runOrId,
  "run redrive": runDocument,
  "run cancel": runDocument,
  "group show": groupDocument,
  "group list": items(groupLineDocument),
  "group delete": deletionOrRun,
  adopt: adoptionAnswerSchema,
  "mirror list": items(leftOverDocument),
  "mirror release": deletionOrRun,
  "group attach": attachmentDocument,
  "group detach": z.object({ detached: z.array(z.string()) }),
  "group attachments": items(attachmentDocument),
  rebuild: runAskedFor,
  rollback: runOrId,
  clone: runAskedFor,
  "failover begin": failoverBegun,
  "failover show": failoverDocument,
  "failover continue": failoverOrId,
  "failover undo": failoverOrId,
  "failover list": items(failoverDocument),
  failback: failoverOrId,
  "foreign-plan list": items(foreignPlanSchema),
  "foreign-plan show": foreignPlanDetailSchema.extend({ objects: z.array(objectDocument) }),
  "foreign-plan rebuild": foreignRestoreSchema,
  "foreign-plan attach": foreignAttachmentDocument,
  audit: itemsCut(auditEntrySchema),
  // A shell reads it.
  completion: null,
  // A person reads it; with --json it gives one of these schemas.
  help: null,
};
