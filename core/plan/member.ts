import type { PlanMember } from "../api/answers.ts";
import type { Facilities } from "../api/facilities.ts";
import type { Instant, SiteId } from "../api/ids.ts";
import { isUnusable, type JudgedObject } from "../api/judged-object.ts";
import { type ObjectKind, objectKindSchema } from "../api/object/common.ts";
import { type ObjectConfig, switchesOf } from "../api/object.ts";
import type { PlanObject, PlanRule } from "../api/plan.ts";
import type { SwitchMap } from "../api/site.ts";
import { instantText } from "../object/instant-text.ts";
import { fitsJudged, ruleText } from "../object/rule.ts";
import { unmappedAt } from "../object/switches.ts";
import { judgedByKind } from "../object/unsupported.ts";
import { type GoneRecord, keptUntil } from "../retention/gone.ts";
import { becauseNamed } from "./resolve.ts";

/** What is known of a plan's source. */
export interface SourceSite {
  readonly siteId: SiteId;
  /** When all that it has was seen. */
  readonly observedAt: Instant | undefined;
  readonly facilities: Facilities | undefined;
  /** Of an object that it is not known to have, once a run has missed it. */
  readonly gone?: GoneRecord | undefined;
  /** Another one of its name. */
  readonly namesake?: ObjectConfig | undefined;
  readonly mappings: Mappings;
}

/** By target, which of its switches takes the place of which. */
export type Mappings = ReadonlyMap<SiteId, SwitchMap>;

/** An object that a plan names, as its source has it. */
export const namedMember = (named: PlanObject, found: JudgedObject | undefined, site: SourceSite): PlanMember => {
  const { gone, siteId, observedAt, facilities, namesake, mappings } = site;
  if (found !== undefined) return memberOf(judgedByKind(found, facilities), becauseNamed, mappings);
  const member = {
    ...{ kind: named.kind, id: named.id, name: gone?.name ?? named.name, because: becauseNamed },
    ...(namesake !== undefined && { namesake: namesake.id }),
  };
  if (gone !== undefined) return { ...member, goneSince: gone.since };
  const unusable =
    observedAt === undefined
      ? `it is not known yet what site “${siteId}” has`
      : `site “${siteId}” did not have it when it was looked at (${instantText(observedAt)})`;
  return { ...member, unusable };
};

/** An object that is in a plan for the first of its rules that fits. Undefined: none does. */
export const memberByRule = (
  rules: readonly PlanRule[],
  object: JudgedObject,
  { facilities, mappings }: Pick<SourceSite, "facilities" | "mappings">,
): PlanMember | undefined => {
  const rule = rules.find((one) => fitsJudged(one, object));
  return rule && memberOf(judgedByKind(object, facilities), ruleText(rule), mappings);
};

/** What came by a rule and is gone. */
export const goneMember = ({ kind, id, name, since }: GoneRecord): PlanMember => {
  const record = { kind, id, name, because: "a rule took it" };
  return { ...record, goneSince: since, keptUntil: keptUntil({ since }) };
};

/** The id of what can't be used may be missing. */
const memberOf = (object: JudgedObject, because: string, mappings: Mappings): PlanMember => {
  const { name } = object;
  if (isUnusable(object)) {
    const { id, unusable } = object;
    return { kind: kindOf(object.kind), id: id === "" ? "(none)" : id, name, because, unusable };
  }
  const { kind, id, leftOut } = object;
  const unmapped = unmappedAt({ name, switches: switchesOf(object) }, mappings);
  return {
    ...{ kind, id, name, because },
    ...(leftOut !== undefined && { leftOut }),
    ...(unmapped.length > 0 && { unmapped: [...unmapped] }),
  };
};

/** Of what fits a rule, it is one. */
const kindOf = (kind: string): ObjectKind => objectKindSchema.parse(kind);
